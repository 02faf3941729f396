// Sound from an audio thread to a Worker through shared memory: one writer, one reader, no locks.
// Positions only grow, modulo 2^32, so that full and empty differ.

const [WRITTEN, READ, DROPPED] = [0, 1, 2];
const HEAD_BYTES = 16;

export class Ring {
  /** @param {SharedArrayBuffer} memory of `Ring.memory` */
  constructor(memory) {
    this.memory = memory;
    this.head = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.samples = new Int16Array(memory, HEAD_BYTES);
  }

  /** @param {number} numSamples a power of two, so that positions may overflow */
  static memory(numSamples) {
    return new SharedArrayBuffer(HEAD_BYTES + 2 * numSamples);
  }

  /**
   * The writer's side; wakes the reader.
   * @param {Int16Array} block all of it goes in, or nothing
   */
  write(block) {
    const written = Atomics.load(this.head, WRITTEN);
    const free = this.samples.length - ((written - Atomics.load(this.head, READ)) >>> 0);
    if (block.length > free) {
      Atomics.add(this.head, DROPPED, block.length);
      return false;
    }
    const mask = this.samples.length - 1;
    for (let i = 0; i < block.length; i++) this.samples[(written + i) & mask] = block[i];
    Atomics.store(this.head, WRITTEN, (written + block.length) | 0);
    Atomics.notify(this.head, WRITTEN);
    return true;
  }

  /** The reader's side: @returns {Int16Array} all that is there, a copy */
  read() {
    const read = Atomics.load(this.head, READ);
    const num = (Atomics.load(this.head, WRITTEN) - read) >>> 0;
    const mask = this.samples.length - 1;
    const found = new Int16Array(num);
    for (let i = 0; i < num; i++) found[i] = this.samples[(read + i) & mask];
    Atomics.store(this.head, READ, (read + num) | 0);
    return found;
  }

  /** Resolves when there may be more to read. */
  async more() {
    const read = Atomics.load(this.head, READ);
    if (Atomics.load(this.head, WRITTEN) !== read) return;
    if (Atomics.waitAsync) {
      const waiting = Atomics.waitAsync(this.head, WRITTEN, read, 1000);
      if (waiting.async) await waiting.value;
    } else {
      await new Promise((wake) => setTimeout(wake, 10)); // a browser that cannot wait for memory
    }
  }

  get dropped() {
    return Atomics.load(this.head, DROPPED);
  }
}
