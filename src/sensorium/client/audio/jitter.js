// How much sound to have in hand before a reply begins to play: little while all goes well, more after each gap.

const FIRST_MS = 60;
const MIN_MS = 40;
const MAX_MS = 400;
const CALM_S = 5; // so much sound without a gap, and less will do

export class Jitter {
  targetMs = FIRST_MS;
  #calmS = 0;

  /** Sound came `lateMs` after it was needed. */
  late(lateMs) {
    this.targetMs = Math.min(MAX_MS, this.targetMs + Math.max(20, lateMs));
    this.#calmS = 0;
  }

  /** So much was played without a gap. */
  played(seconds) {
    this.#calmS += seconds;
    if (this.#calmS < CALM_S) return;
    this.#calmS = 0;
    this.targetMs = Math.max(MIN_MS, this.targetMs * 0.8);
  }
}
