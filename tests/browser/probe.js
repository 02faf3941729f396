// Put into every page before its own scripts: what sounds, how long tasks take, and a microphone the test speaks into.

(() => {
  const probe = (window.probe = { loudest: 0, soundMs: 0, long: [], microphone: null });

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

  // Of long frames only the scripts that are the page's own.
  new PerformanceObserver((list) => {
    for (const frame of list.getEntries()) {
      for (const script of frame.scripts) {
        if (script.duration > 50 && script.sourceURL.startsWith(location.origin)) {
          probe.long.push(`${Math.round(script.duration)} ms (${Math.round(script.forcedStyleAndLayoutDuration)} ms of layout) in ${script.invoker} of ${script.sourceURL}, ${script.sourceFunctionName}`);
        }
      }
    }
  }).observe({ type: "long-animation-frame", buffered: true });

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
