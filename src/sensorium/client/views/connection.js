// How the page stands with the room: a word in the header always, a notice when there is something to know or to do.

import * as words from "../words.js";
import { byId, setText } from "./dom.js";
import { notify, settle } from "./notices.js";

const NEWS_MS = 6000;
const PHASES = { connecting: "Connecting", open: "Connected", lost: "Connection lost", refused: "Not let in" };

export class ConnectionNotice {
  #wasIn = false;
  #wasLost = false;

  /** @param {{hurry: () => void, back: () => void}} act `hurry`: try now; `back`: to the door */
  constructor(act) {
    this.act = act;
  }

  /** @param {import("../net/connection.js").Phase} phase */
  show(phase) {
    const place = byId("connection");
    place.dataset.phase = phase.phase;
    setText(place, PHASES[phase.phase]);
    if (phase.phase === "lost") this.#lost();
    if (phase.phase === "refused") this.#refused(phase);
    if (phase.phase === "open") this.#open(phase);
  }

  #lost() {
    this.#wasLost = true;
    const told = this.#wasIn ? words.LOST : words.UNREACHABLE;
    notify({ key: "connection", kind: "waiting", ...told, action: { label: "Try now", run: this.act.hurry } });
  }

  #refused(phase) {
    const action = { label: "Back to the door", run: this.act.back };
    notify({ key: "connection", kind: "problem", ...words.refusedRoom(phase), action });
  }

  #open({ slept }) {
    const told = slept ? words.SLEPT : words.BACK;
    if (this.#wasIn && this.#wasLost) notify({ key: "connection", kind: "news", ...told }, NEWS_MS);
    else settle("connection");
    [this.#wasIn, this.#wasLost] = [true, false];
  }
}
