// What a person said in writing, until the room shows it: nothing is lost with a connection, nothing is said twice.

const MAX_KEPT = 32;

/** @typedef {{number: number, text: string, to: string}} Saying `number` only grows, also after a reload */

export class Outbox {
  #says = /** @type {(Saying & {sent: boolean})[]} */ ([]);
  #number = 0;

  /** @param {() => number} nowMs wall time */
  constructor(nowMs = Date.now) {
    this.nowMs = nowMs;
  }

  /**
   * @param {string} text
   * @param {string} to a persona's id, or ""
   * @returns {boolean} false when too much waits already
   */
  add(text, to) {
    if (this.#says.length >= MAX_KEPT) return false;
    this.#number = Math.max(this.#number + 1, this.nowMs());
    this.#says.push({ number: this.#number, text: text.trim(), to, sent: false });
    return true;
  }

  /** The room shows an entry with these words of ours: the oldest such saying has arrived. */
  shown(text) {
    const at = this.#says.findIndex((say) => say.sent && say.text === text.trim());
    if (at >= 0) this.#says.splice(at, 1);
    return at >= 0;
  }

  /** The room refused what was sent last, e.g. because it is too long. Returns its words, to be put back. */
  refused() {
    const at = this.#says.findLastIndex((say) => say.sent);
    return at < 0 ? null : this.#says.splice(at, 1)[0].text;
  }

  /** What to send now; each only once in a connection. */
  due() {
    const due = this.#says.filter((say) => !say.sent);
    for (const say of due) say.sent = true;
    return due;
  }

  /**
   * The connection is a new one.
   * @param {string[]} ours what its history has of us: the rest never arrived and is due again
   */
  reconnected(ours) {
    for (const text of ours) this.shown(text);
    for (const say of this.#says) say.sent = false;
  }

  /** @returns {Saying[]} what waits, oldest first */
  waiting() {
    return this.#says.map(({ number, text, to }) => ({ number, text, to }));
  }
}
