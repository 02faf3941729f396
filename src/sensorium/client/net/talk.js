// A person's voice on its way to the room. The ring is always emptied; what is sent of it is only what was said
// while the person talks (a key is held, or the microphone is open and not muted).

import { Ring } from "../audio/ring.js";

const MAX_BUFFERED_BYTES = 1 << 18;

export class Talk {
  /** @type {Ring | null} */ #ring = null;
  #rate = 0;
  #wanted = false;
  #pushToTalk = false;
  #open = false; // the room knows

  constructor(send, buffered) {
    this.send = send;
    this.buffered = buffered;
  }

  /**
   * @param {SharedArrayBuffer | null} memory of the microphone's ring
   * @param {number} rateHz
   */
  listenTo(memory, rateHz) {
    this.#shut();
    this.#ring = memory && new Ring(memory);
    this.#rate = rateHz;
    this.#begin();
    if (this.#ring) this.#pump(this.#ring);
  }

  /**
   * @param {boolean} on
   * @param {boolean} pushToTalk
   */
  set(on, pushToTalk) {
    if (on && this.#wanted && pushToTalk !== this.#pushToTalk) this.#shut();
    [this.#wanted, this.#pushToTalk] = [on, pushToTalk];
    if (on) this.#begin();
    else this.#shut();
  }

  /** The connection is a new one; its room knows nothing of a microphone. */
  reopened() {
    this.#open = false;
    this.#begin();
  }

  #begin() {
    if (!this.#wanted || !this.#ring || this.#open) return;
    this.#ring.read(); // what was said before is nobody's business
    const record = { type: "OpenMicrophone", sample_rate_hz: this.#rate, push_to_talk: this.#pushToTalk };
    this.#open = this.send(record);
  }

  #shut() {
    if (!this.#open) return;
    this.#pass(this.#ring.read());
    this.send({ type: "CloseMicrophone" });
    this.#open = false;
  }

  async #pump(ring) {
    while (ring === this.#ring) {
      await ring.more();
      if (ring === this.#ring) this.#pass(ring.read());
    }
  }

  #pass(samples) {
    // Sound that is late is of no use to a conversation: what the network cannot take is dropped.
    if (!samples.length || !this.#open || this.buffered() > MAX_BUFFERED_BYTES) return;
    for (let at = 0; at < samples.length; at += this.#rate) {
      const piece = samples.subarray(at, at + this.#rate); // at most a second
      this.send({ type: "Sound" }, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
    }
  }
}
