// The WebSocket to the room, and everything that can happen to it: it opens, it is lost, it is tried again, it is
// refused. Says `Join` with the session it had, so that the person and the room stay the same.

import { delayMs } from "./backoff.js";
import { frame, unframe } from "./framing.js";

const PROTOCOL = 1;
const SUBPROTOCOL = "sensorium.1";
const PING_EVERY_MS = 5000;
const PATIENCE_MS = 12_000; // without any message, though we asked
const SLEPT_MS = 20_000; // a timer that was so late: the machine was asleep
const REFUSED = 1008;
const NOT_SAID = "the server closed the connection";

/**
 * @typedef {{phase: "connecting" | "open" | "lost" | "refused", attempt?: number, again_ms?: number,
 *   slept?: boolean, reason?: string, remedy?: string}} Phase
 */

export class Connection {
  /** @type {WebSocket | null} */ #socket = null;
  #attempt = 0;
  #retry = 0;
  #heartbeat = 0;
  #beatAt = 0;
  #heardAt = 0;
  #slept = false;
  #welcomed = false;
  #lastEntryId = 0; // what this page has of the conversation
  /** @type {{reason: string, remedy: string} | null} */ #fatal = null;

  /**
   * @param {{url: string, name: string, session: string}} who
   * @param {{phase: (phase: Phase) => void, record: (record: any, payload: Uint8Array) => void}} tell
   */
  constructor(who, tell) {
    this.who = who;
    this.tell = tell;
    this.#heartbeat = setInterval(() => this.#beat(), PING_EVERY_MS);
    this.#beatAt = Date.now();
    this.#open();
  }

  get isOpen() {
    return this.#welcomed;
  }

  get bufferedBytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** @returns {boolean} whether it went out; records for a room that we are not in do not */
  send(record, payload) {
    if (!this.#welcomed) return false;
    this.#socket.send(frame(record, payload));
    return true;
  }

  /** Tries again at once, e.g. because the network is back. */
  hurry() {
    if (this.#welcomed) this.#beat();
    else if (this.#retry) this.#open();
  }

  close() {
    clearInterval(this.#heartbeat);
    this.#forget();
  }

  #open() {
    this.#forget();
    this.tell.phase({ phase: "connecting", attempt: this.#attempt });
    const socket = new WebSocket(this.who.url, [SUBPROTOCOL]);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.onopen = () => {
      const { name, session } = this.who;
      socket.send(frame({ type: "Join", name, protocol: PROTOCOL, session, last_entry_id: this.#lastEntryId }));
    };
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  #take(data) {
    this.#heardAt = Date.now();
    const { record, payload } = unframe(data);
    if (record.type === "Welcome") {
      this.who.session = record.session;
      this.#welcomed = true;
      this.#attempt = 0;
      this.tell.phase({ phase: "open", slept: this.#slept });
      this.#slept = false;
    }
    for (const { entry_id } of record.type === "Message" ? [record] : (record.history ?? [])) {
      this.#lastEntryId = Math.max(this.#lastEntryId, entry_id);
    }
    if (record.type === "Trouble" && record.fatal) {
      this.#fatal = { reason: record.message, remedy: record.remedy };
    }
    if (record.type !== "Pong") this.tell.record(record, payload);
  }

  #closed(code, reason) {
    this.#forget();
    if (code === REFUSED || this.#fatal) {
      clearInterval(this.#heartbeat);
      const why = this.#fatal ?? { reason: reason || NOT_SAID, remedy: "" };
      this.tell.phase({ phase: "refused", ...why });
      return;
    }
    const againMs = delayMs(this.#attempt++, Math.random());
    this.#retry = setTimeout(() => this.#open(), againMs);
    this.tell.phase({ phase: "lost", attempt: this.#attempt, again_ms: againMs, reason });
  }

  /** Leaves the socket alone from now on, whatever it still says. */
  #forget() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#welcomed = false;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #beat() {
    const now = Date.now();
    this.#slept ||= now - this.#beatAt > SLEPT_MS;
    const silentMs = now - this.#heardAt;
    this.#beatAt = now;
    if (!this.#socket) return;
    // A socket that survived a sleep is asked first; one that does not answer is given up.
    if (silentMs > PATIENCE_MS && !this.#slept) this.#closed(0, "the room did not answer");
    else if (this.#slept && this.#welcomed) {
      this.#attempt = 0;
      this.#closed(0, "this computer slept");
    } else this.send({ type: "Ping", at_ms: Math.round(performance.now()) });
  }
}
