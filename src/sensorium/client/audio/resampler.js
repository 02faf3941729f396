// Sound of one rate as sound of another: a Kaiser-windowed sinc, in 512 phases with a line between them. Its state
// is carried from piece to piece, so that there is no click where they meet. Lag: half the filter, 1 ms at 16 kHz.

const PHASES = 512;
const HALF_TAPS = 16;
const KAISER_BETA = 9;

export class Resampler {
  #step;
  #half;
  #table;
  #kept;
  #at;

  /**
   * @param {number} fromHz
   * @param {number} toHz
   */
  constructor(fromHz, toHz) {
    this.fromHz = fromHz;
    this.#step = fromHz / toHz;
    // Down: the filter is as much wider as there is less to keep.
    const cutoff = Math.min(1, toHz / fromHz) * (fromHz === toHz ? 1 : 0.95);
    this.#half = Math.ceil(HALF_TAPS / Math.min(1, toHz / fromHz));
    this.#table = fromHz === toHz ? null : table(this.#half, cutoff);
    this.#kept = new Float32Array(this.#half); // silence before the first sample
    this.#at = this.#half; // where in `kept` and what comes the next output sample lies
  }

  /**
   * @param {Float32Array} piece
   * @returns {Float32Array} all output that no later sample can change
   */
  feed(piece) {
    if (this.#table === null) return piece;
    const half = this.#half;
    const input = new Float32Array(this.#kept.length + piece.length);
    input.set(this.#kept);
    input.set(piece, this.#kept.length);
    const num = Math.max(0, Math.ceil((input.length - half - this.#at) / this.#step));
    const out = new Float32Array(num);
    for (let i = 0; i < num; i++) out[i] = this.#sample(input, this.#at + i * this.#step);
    this.#at += num * this.#step;
    const from = Math.max(0, Math.floor(this.#at) - half);
    this.#kept = input.slice(from);
    this.#at -= from;
    return out;
  }

  /** The sound is over: @returns {Float32Array} what the filter still holds */
  flush() {
    return this.#table === null ? new Float32Array(0) : this.feed(new Float32Array(this.#half));
  }

  #sample(input, at) {
    const start = Math.floor(at);
    const phase = (at - start) * PHASES;
    const row = Math.floor(phase);
    const share = phase - row;
    const taps = 2 * this.#half;
    let [a, b] = [row * taps, (row + 1) * taps];
    let sum = 0;
    for (let i = start - this.#half + 1; i <= start + this.#half; i++, a++, b++) {
      if (i >= 0 && i < input.length) sum += input[i] * (this.#table[a] + share * (this.#table[b] - this.#table[a]));
    }
    return sum;
  }
}

/** A row of taps for each phase, and one more for the line to end at. */
function table(half, cutoff) {
  const taps = 2 * half;
  const rows = new Float32Array((PHASES + 1) * taps);
  for (let phase = 0; phase <= PHASES; phase++) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const x = tap - half + 1 - phase / PHASES;
      sum += rows[phase * taps + tap] = cutoff * sinc(cutoff * x) * kaiser(x / half);
    }
    // A constant stays that constant in every phase.
    for (let tap = 0; tap < taps; tap++) rows[phase * taps + tap] /= sum;
  }
  return rows;
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x) {
  return Math.abs(x) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/** I0, the modified Bessel function of the first kind. */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-12 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}
