// Put into every page before its own scripts: what sounds, and a microphone that the test speaks into.

(() => {
  const probe = (window.probe = { loudest: 0, soundMs: 0 });

  // All that goes to the loudspeaker goes to a meter, too.
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode) {
      const meter = new AnalyserNode(this.context, { fftSize: 4096 });
      connect.call(this, meter);
      const samples = new Float32Array(meter.fftSize);
      const everyMs = (1000 * meter.fftSize) / this.context.sampleRate;
      setInterval(() => {
        meter.getFloatTimeDomainData(samples);
        const rms = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
        probe.loudest = Math.max(probe.loudest, rms);
        if (rms > 0.005) probe.soundMs += everyMs;
      }, everyMs);
    }
    return connect.call(this, target, ...more);
  };

  /** From now on the microphone is what `speak` plays. */
  probe.takeMicrophone = () => {
    const context = new AudioContext();
    const output = context.createMediaStreamDestination();
    const usual = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) => (wanted.audio ? Promise.resolve(output.stream) : usual(wanted));
    probe.speak = async (wav) => {
      const bytes = Uint8Array.from(atob(wav), (c) => c.charCodeAt(0));
      const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes.buffer) });
      source.connect(output);
      await new Promise((done) => {
        source.onended = done;
        source.start();
      });
    };
  };
})();
