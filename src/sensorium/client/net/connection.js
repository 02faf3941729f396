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
// After these it would only happen again: what we sent was wrong, or too large.
const FINAL = [REFUSED, 1007, 1009];
const FOREIGN = { reason: "it does not speak this page's protocol", remedy: "Load the page again." };
const NOT_SAID = "the server closed the connection";

/** What a connection needs of the world; tests have their own. */
const WORLD = {
  open: (url, protocols) => new WebSocket(url, protocols),
  nowMs: () => Date.now(),
  chance: () => Math.random(),
  after: (ms, run) => setTimeout(run, ms),
  every: (ms, run) => setInterval(run, ms),
  forget: (timer) => clearTimeout(timer),
};

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
   * @param {typeof WORLD} [world]
   */
  constructor(who, tell, world = WORLD) {
    this.who = who;
    this.tell = tell;
    this.world = world;
    this.#heartbeat = world.every(PING_EVERY_MS, () => this.#beat());
    this.#beatAt = world.nowMs();
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
    this.world.forget(this.#heartbeat);
    this.#forget();
  }

  #open() {
    this.#forget();
    this.#fatal = null;
    this.tell.phase({ phase: "connecting", attempt: this.#attempt });
    const socket = this.world.open(this.who.url, [SUBPROTOCOL]);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardAt = this.world.nowMs();
    socket.onopen = () => {
      const { name, session } = this.who;
      socket.send(frame({ type: "Join", name, protocol: PROTOCOL, session, last_entry_id: this.#lastEntryId }));
    };
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  #take(data) {
    this.#heardAt = this.world.nowMs();
    let found;
    try {
      found = unframe(data);
    } catch {
      this.#fatal = FOREIGN;
      return this.#closed(REFUSED, "");
    }
    const { record, payload } = found;
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
    if (FINAL.includes(code)) {
      this.world.forget(this.#heartbeat);
      const why = this.#fatal ?? { reason: reason || NOT_SAID, remedy: "" };
      this.tell.phase({ phase: "refused", ...why });
      return;
    }
    const againMs = delayMs(this.#attempt++, this.world.chance());
    this.#retry = this.world.after(againMs, () => this.#open());
    this.tell.phase({ phase: "lost", attempt: this.#attempt, again_ms: againMs, reason: this.#fatal?.reason ?? reason });
  }

  /** Leaves the socket alone from now on, whatever it still says. */
  #forget() {
    this.world.forget(this.#retry);
    this.#retry = 0;
    this.#welcomed = false;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #beat() {
    const now = this.world.nowMs();
    this.#slept ||= now - this.#beatAt > SLEPT_MS;
    const silentMs = now - this.#heardAt;
    this.#beatAt = now;
    if (!this.#socket) return;
    // After a sleep nobody knows what a socket is worth: a new one does, and brings what was said meanwhile.
    if (silentMs > PATIENCE_MS && !this.#slept) this.#closed(0, "the room did not answer");
    else if (this.#slept && this.#welcomed) {
      this.#attempt = 0;
      this.#closed(0, "this computer slept");
    } else this.send({ type: "Ping", at_ms: now });
  }
}
