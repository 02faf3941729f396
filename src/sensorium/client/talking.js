// When a person's voice goes to the room: while a key or the button is held, or always unless muted. The button
// says which it is. Knows nothing of sound; it asks for the microphone and tells when to listen to it.

import { keep, kept } from "./kept.js";
import { byId, setText } from "./views/dom.js";
import { mark } from "./views/icons.js";

const OWN_KEYS = "input, select, textarea, button, a, summary, [contenteditable], dialog, [role=slider]";
const LOUD = 0.2;

export class Talking {
  #on = false; // a microphone is there
  #held = false;
  #asking = false;
  #allowed = true; // the room listens

  /**
   * @param {{open: () => Promise<boolean>, close: () => void, listen: (on: boolean, pushToTalk: boolean) => void}} microphone
   * @param {AbortSignal} signal ends the watching of keys
   */
  constructor(microphone, signal) {
    this.microphone = microphone;
    this.button = byId("talk");
    const own = (e) => e.code === "Space" || e.code === "Enter";
    const on = (type, run, where = this.button) => where.addEventListener(type, run, { signal });
    on("pointerdown", (e) => e.button === 0 && this.#press(e));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) on(type, () => this.#release());
    on("contextmenu", (e) => e.preventDefault());
    on("keydown", (e) => own(e) && this.#hold(e));
    on("keyup", (e) => own(e) && this.#release());
    on("click", (e) => this.#click(e));
    on("keydown", (e) => e.code === "Space" && this.#free(e) && this.#hold(e), window);
    on("keyup", (e) => e.code === "Space" && this.#release(), window);
    on("blur", () => this.#release(), window);
    this.show();
  }

  get mode() {
    return kept.mode;
  }

  /** Asks for the microphone where the chosen way to talk needs one. */
  async start() {
    if (this.mode === "type" || this.#on || this.#asking || !this.#allowed) return this.show();
    this.#asking = true;
    this.show();
    this.#on = await this.microphone.open();
    this.#asking = false;
    this.#listen();
  }

  /** @param {string} mode hold, open or type */
  async change(mode) {
    keep({ mode, muted: false });
    this.#held = false;
    if (mode === "type") {
      this.#on = false;
      this.microphone.close();
      this.microphone.listen(false, false);
    } else if (this.#on) this.#listen();
    else await this.start();
    this.show();
  }

  /** @param {boolean} allowed the room's recipe has hearing on */
  allow(allowed) {
    if (allowed === this.#allowed) return;
    this.#allowed = allowed;
    this.#held = false;
    if (allowed && !this.#on) this.start();
    else this.#listen();
  }

  /** The microphone went away by itself. */
  lost() {
    this.#on = this.#held = false;
    this.#listen();
  }

  /** @param {number} level root mean square of the person's own voice */
  ownLevel(level) {
    const shown = this.#talks() ? Math.min(1, level / LOUD).toFixed(2) : "0";
    if (this.button.style.getPropertyValue("--own") !== shown) this.button.style.setProperty("--own", shown);
  }

  #talks() {
    return this.#on && this.#allowed && (this.mode === "open" ? !kept.muted : this.mode === "hold" && this.#held);
  }

  #listen() {
    this.microphone.listen(this.#talks(), this.mode === "hold");
    this.show();
  }

  /** Nothing else wants this key. */
  #free(e) {
    return !e.defaultPrevented && !e.target.closest?.(OWN_KEYS) && !document.querySelector("dialog[open]");
  }

  #press(e) {
    if (this.mode !== "hold" || !this.#on) return;
    this.button.setPointerCapture(e.pointerId);
    this.#set(true);
  }

  #hold(e) {
    if (this.mode !== "hold" || !this.#on) return;
    e.preventDefault();
    if (!e.repeat) this.#set(true);
  }

  #release() {
    if (this.#held) this.#set(false);
  }

  #set(held) {
    this.#held = held;
    this.#listen();
  }

  /** `detail` is 0 for a click that no pointer made: who cannot hold a button starts and stops with it. */
  #click(e) {
    if (!this.#on) {
      if (this.mode === "type") this.change("hold");
      else this.start();
    } else if (this.mode === "open") {
      keep({ muted: !kept.muted });
      this.#listen();
    } else if (e.detail === 0) this.#set(!this.#held);
  }

  show() {
    const open = this.mode === "open";
    const [state, text, sign] = !this.#allowed
      ? ["off", "Listening is off", "muted"]
      : this.#asking
        ? ["off", "Waiting for the microphone", "microphone"]
        : !this.#on
          ? ["off", "Turn on microphone", "muted"]
          : open && kept.muted
            ? ["muted", "Muted", "muted"]
            : open
              ? ["talking", "You are heard", "microphone"]
              : this.#held
                ? ["talking", "Listening to you", "microphone"]
                : ["ready", "Hold to talk", "microphone"];
    this.button.dataset.state = state;
    this.button.disabled = !this.#allowed;
    setText(byId("talk-text"), text);
    mark(this.button, sign);
    if (open && this.#on) this.button.setAttribute("aria-pressed", String(!kept.muted));
    else this.button.setAttribute("aria-pressed", String(this.#held));
    this.button.title = !this.#allowed ? "The room's recipe has hearing off; you can type" : state === "ready" ? "Or hold the space bar" : open && this.#on ? (kept.muted ? "Press to be heard" : "Press to mute") : "";
  }
}
