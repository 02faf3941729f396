// Microphone and loudspeaker, as far as the page has to do with them: permission, devices, and wiring the audio
// threads to the Worker that owns the connection. No sample passes through here.

import { Ring } from "./ring.js";

const MAX_RATE_HZ = 96_000; // of a microphone, as the room takes it
const RING_SAMPLES = 1 << 16; // more than a second at 48 kHz

export class Sound {
  /** @type {AudioContext | null} */ #context = null;
  /** @type {AudioWorkletNode | null} */ #player = null;
  /** @type {{stream: MediaStream, source: AudioNode, node: AudioWorkletNode} | null} */ #microphone = null;
  #starting = /** @type {Promise<void> | null} */ (null);

  /**
   * @param {Worker} socket the Worker that owns the connection
   * @param {{levels: (levels: {persona_id: string, turn_id: number, level: number}[]) => void,
   *   ownLevel: (level: number) => void, microphoneLost: () => void}} tell
   * @param {{processing: boolean}} options `processing`: echo cancellation and the like, of the browser's
   */
  constructor(socket, tell, { processing }) {
    this.socket = socket;
    this.tell = tell;
    this.processing = processing;
  }

  /** Where a microphone can reach the room without the page in between. */
  static get canHear() {
    return self.crossOriginIsolated && typeof SharedArrayBuffer === "function";
  }

  /** Starts the loudspeaker. Call it while a click is handled: browsers allow sound only then. */
  start() {
    this.#context ??= newContext();
    this.#starting ??= this.#begin();
    this.#context.resume();
    return this.#starting;
  }

  async #begin() {
    const context = this.#context;
    await Promise.all([
      context.audioWorklet.addModule(new URL("./player.worklet.js", import.meta.url)),
      context.audioWorklet.addModule(new URL("./mic.worklet.js", import.meta.url)),
    ]);
    const player = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [2] });
    player.port.onmessage = ({ data }) => this.tell.levels(data.levels);
    player.connect(context.destination);
    const { port1, port2 } = new MessageChannel();
    player.port.postMessage({ socket: port1 }, [port1]);
    this.socket.postMessage({ do: "player", port: port2, rate: context.sampleRate }, [port2]);
    this.#player = player;
  }

  /** A machine that woke up, or a browser that was careful, may have stopped the sound. */
  wake() {
    if (this.#context && this.#context.state !== "running") this.#context.resume();
  }

  /**
   * @param {string} personaId
   * @param {number} volume from 0 to 1
   */
  setVolume(personaId, volume) {
    this.#player?.port.postMessage({ persona_id: personaId, volume });
  }

  /**
   * @param {string} [deviceId] of the microphone; else the browser's choice
   * @throws {DOMException} as the browser does, when the person or the machine refuses
   */
  async openMicrophone(deviceId) {
    await this.start();
    const on = this.processing;
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: on,
        noiseSuppression: on,
        autoGainControl: on,
        ...(deviceId ? { deviceId: { ideal: deviceId } } : {}),
      },
    });
    this.closeMicrophone();
    const context = this.#context;
    const ring = Ring.memory(RING_SAMPLES);
    const source = context.createMediaStreamSource(stream);
    const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0, processorOptions: { ring } });
    node.port.onmessage = ({ data }) => this.tell.ownLevel(data);
    source.connect(node);
    this.#microphone = { stream, source, node };
    stream.getAudioTracks()[0].onended = () => {
      this.closeMicrophone();
      this.tell.microphoneLost();
    };
    this.socket.postMessage({ do: "microphone", ring, rate: context.sampleRate });
  }

  closeMicrophone() {
    if (!this.#microphone) return;
    const { stream, source, node } = this.#microphone;
    this.#microphone = null;
    this.socket.postMessage({ do: "no_microphone" });
    source.disconnect();
    node.port.postMessage("close");
    node.port.onmessage = null;
    for (const track of stream.getTracks()) track.stop();
    this.tell.ownLevel(0);
  }

  close() {
    this.closeMicrophone();
    this.#context?.close();
  }

  get running() {
    return this.#context?.state === "running";
  }

  /** @param {() => void} run once the loudspeaker may be heard */
  whenRunning(run) {
    if (this.running) return run();
    this.#context.addEventListener("statechange", () => this.running && run());
  }

  get microphoneOpen() {
    return this.#microphone !== null;
  }

  /** @param {string} deviceId of the loudspeaker, where the browser lets a page choose; "" is the usual one */
  async playOn(deviceId) {
    await this.#context?.setSinkId?.(deviceId);
  }
}

function newContext() {
  const context = new AudioContext({ latencyHint: "interactive" });
  if (context.sampleRate <= MAX_RATE_HZ) return context;
  context.close();
  return new AudioContext({ latencyHint: "interactive", sampleRate: 48_000 });
}

/** @returns {Promise<{inputs: MediaDeviceInfo[], outputs: MediaDeviceInfo[], cameras: MediaDeviceInfo[]}>} */
export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind) => all.filter((device) => device.kind === kind && device.deviceId);
  return { inputs: of("audioinput"), outputs: of("audiooutput"), cameras: of("videoinput") };
}
