// The microphone's audio thread: blocks of 20 ms, mono, 16 bit, into a ring that the socket's Worker reads.

import { Ring } from "./ring.js";

const BLOCK_S = 0.02;

class Microphone extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.ring = new Ring(processorOptions.ring);
    this.block = new Int16Array(Math.round(BLOCK_S * sampleRate));
    this.filled = 0;
    this.sum = 0;
    this.open = true;
    this.port.onmessage = () => (this.open = false);
  }

  process([channels]) {
    for (let i = 0; i < (channels[0]?.length ?? 0); i++) {
      let sample = 0;
      for (const channel of channels) sample += channel[i];
      sample = Math.max(-1, Math.min(1, sample / channels.length));
      this.sum += sample * sample;
      this.block[this.filled++] = Math.round(sample * 32767);
      if (this.filled === this.block.length) this.pass();
    }
    return this.open;
  }

  pass() {
    this.ring.write(this.block);
    this.port.postMessage(Math.sqrt(this.sum / this.block.length));
    [this.filled, this.sum] = [0, 0];
  }
}

registerProcessor("microphone", Microphone);
