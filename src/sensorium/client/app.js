// The room as one person has it open: joins the parts. What happened comes from the socket's Worker as records,
// changes `room`, and is shown at the next frame; what the person does goes to the Worker.

import { Camera } from "./camera/camera.js";
import { Sound } from "./audio/sound.js";
import { keep, kept, volumeOf } from "./kept.js";
import { nowhere, running, take } from "./room.js";
import { Talking } from "./talking.js";
import { watchTouches } from "./touch.js";
import * as words from "./words.js";
import { showCaptions, startCaptions } from "./views/captions.js";
import { ConnectionNotice } from "./views/connection.js";
import { byId, make, setText } from "./views/dom.js";
import { mark } from "./views/icons.js";
import { notify, settle } from "./views/notices.js";
import { showPanel } from "./views/panel.js";
import { showLevels, showPeople, startBlinking } from "./views/people.js";
import { showLooked, showSource } from "./views/preview.js";
import { showRecipe } from "./views/recipe.js";
import { showSettings } from "./views/settings.js";

const STALE_MS = 1000; // so often the page looks at what passes by itself, e.g. that somebody sees
const TROUBLE_MS = 18_000;
const SIGNS = { "panel-button": "chart", "settings-button": "settings", "leave-button": "leave", stop: "stop", camera: "camera", screen: "screen", send: "send" };

export class App {
  room = nowhere();
  #socket = new Worker(new URL("./net/socket.worker.js", import.meta.url), { type: "module" });
  #ended = new AbortController();
  #waiting = [];
  #addressed = "";
  #frame = 0;
  #stale = 0;
  #welcomed = false;
  #notice = new ConnectionNotice({ hurry: () => this.#ask("hurry"), back: () => this.left() });
  #source = "";

  /**
   * @param {{url: string, processing: boolean, left: (why?: words.Telling) => void}} options `left`: the person is
   *   out again, by their own will or because the room would not have them
   */
  constructor({ url, processing, left }) {
    this.url = url;
    this.left = left;
    this.#socket.onmessage = ({ data }) => this.#told[data.is](data);
    this.sound = new Sound(
      this.#socket,
      {
        levels: (levels) => showLevels(levels) && this.#changed(),
        ownLevel: (level) => this.talking.ownLevel(level),
        microphoneLost: () => this.#microphoneLost(),
      },
      { processing },
    );
    this.talking = new Talking(
      {
        open: () => this.#openMicrophone(),
        close: () => this.sound.closeMicrophone(),
        listen: (on, push_to_talk) => this.#ask("talk", { on, push_to_talk }),
      },
      this.#ended.signal,
    );
    this.camera = new Camera(this.#socket, (kind) => this.#shows(kind), (number) => showLooked(number, this.#source));
  }

  /** Call it while a click is handled: browsers allow sound only then. */
  start() {
    this.#listen();
    this.#socket.onerror = () => notify({ key: "parts", kind: "problem", ...words.NOT_LOADED });
    this.sound.start().then(() => this.#soundStarted(), this.#socket.onerror);
    this.#ask("join", { url: this.url, name: kept.name, session: kept.session });
    this.#stale = setInterval(() => this.#changed(), STALE_MS);
    watchTouches((events) => this.room.recipe.touch && this.#ask("touches", { events }), this.#ended.signal);
    if (kept.panel) this.#showPanel(true);
    this.#changed();
  }

  close() {
    this.#ended.abort();
    clearInterval(this.#stale);
    cancelAnimationFrame(this.#frame);
    this.camera.close();
    this.sound.close();
    this.#ask("leave");
    for (const key of ["connection", "microphone", "camera", "silent", "trouble"]) settle(key);
    for (const worker of this.room.workersDown) settle(`worker-${worker}`);
    // The Worker says goodbye first.
    setTimeout(() => this.#socket.terminate(), 500);
  }

  /** What the Worker tells, by `is`. */
  #told = {
    record: ({ record }) => this.#take(record),
    connection: ({ is, ...phase }) => this.#connection(phase),
    waiting: ({ says }) => {
      this.#waiting = says;
      this.#changed();
    },
    overfull: ({ text }) => this.#putBack(text, words.OVERFULL),
    unsaid: ({ text }) => this.#putBack(text),
  };

  #ask(what, more = {}, transfer = []) {
    this.#socket.postMessage({ do: what, ...more }, transfer);
  }

  #take(record) {
    const downBefore = new Set(this.room.workersDown);
    take(this.room, record, performance.now());
    if (record.type === "Welcome" || record.type === "RecipeChanged") this.#senses(record.recipe);
    if (record.type === "Welcome") this.#welcome(record);
    if (record.type === "Members") this.#showAddressees();
    if (record.type === "Looked" && record.person_id === this.room.you.id) this.camera.looked(record.number);
    if (record.type === "Trouble" && !record.fatal) this.#trouble(record);
    if (record.type === "TurnEnded" && record.outcome === "failed") this.#trouble({ message: record.error, remedy: "Ask again in a moment." });
    for (const worker of this.room.workersDown) {
      if (!downBefore.has(worker)) notify({ key: `worker-${worker}`, kind: "waiting", ...words.workerDown(worker) });
    }
    for (const worker of downBefore) if (!this.room.workersDown.has(worker)) settle(`worker-${worker}`);
    this.#changed();
  }

  #welcome({ session, personas }) {
    keep({ session });
    for (const { id } of personas) this.sound.setVolume(id, volumeOf(id));
    this.#showAddressees();
    if (this.#welcomed) return;
    this.#welcomed = true;
    byId(kept.mode === "type" || !this.room.recipe.hearing ? "say" : "talk").focus();
    this.talking.start();
  }

  #trouble({ message, remedy }) {
    notify({ key: "trouble", kind: "problem", text: words.sentence(message), remedy: words.sentence(remedy ?? ""), closable: true }, TROUBLE_MS);
  }

  #connection(phase) {
    this.room.connection = phase;
    if (phase.phase === "refused" && !this.#welcomed) return this.left(words.refusedRoom(phase));
    this.#notice.show(phase);
    this.#changed();
  }

  async #openMicrophone() {
    if (!Sound.canHear || !navigator.mediaDevices) {
      notify({ key: "microphone", kind: "problem", ...(navigator.mediaDevices ? words.NO_SHARED_MEMORY : words.NOT_SECURE), closable: true });
      return false;
    }
    try {
      await this.sound.openMicrophone(kept.microphone);
      settle("microphone");
      return true;
    } catch (error) {
      this.#refusedDevice("microphone", error, () => this.talking.start());
      return false;
    }
  }

  #refusedDevice(what, error, run) {
    const told = words.refusedDevice(what, error);
    notify({ key: what === "screen" ? "camera" : what, kind: "problem", ...told, action: { label: "Try again", run }, closable: true });
  }

  #microphoneLost() {
    this.talking.lost();
    const action = { label: "Try again", run: () => this.talking.start() };
    notify({ key: "microphone", kind: "problem", ...words.MICROPHONE_LOST, action, closable: true });
  }

  async #toggle(kind) {
    if (this.#source === kind) return this.camera.stop();
    try {
      await this.camera.start(kind, kept.camera);
      settle("camera");
    } catch (error) {
      this.#refusedDevice(kind, error, () => this.#toggle(kind));
    }
  }

  #shows(kind) {
    this.#source = kind;
    showSource(kind);
  }

  /** What the recipe has off ends at once; what it has on again is asked for. */
  #senses({ hearing, vision }) {
    this.talking.allow(hearing);
    if (!vision) this.camera.stop();
  }

  #soundStarted() {
    if (this.#ended.signal.aborted) return;
    this.sound.playOn(kept.loudspeaker).catch(() => {}); // that loudspeaker is not here today
    for (const { id } of this.room.personas) this.sound.setVolume(id, volumeOf(id));
    if (!this.sound.running) notify({ key: "silent", kind: "waiting", ...words.SILENT });
    this.sound.whenRunning(() => settle("silent"));
  }

  #say(e) {
    e.preventDefault();
    const text = byId("say").value.trim();
    if (!text) return;
    byId("say").value = "";
    this.#ask("say", { text, to: this.#addressed });
  }

  #putBack(text, told) {
    if (!byId("say").value) byId("say").value = text;
    if (told) notify({ key: "trouble", kind: "waiting", ...told, closable: true });
  }

  #address(personaId) {
    this.#addressed = this.#addressed === personaId ? "" : personaId;
    byId("to").value = this.#addressed;
    this.#changed();
  }

  #showAddressees() {
    if (!this.room.personas.some((persona) => persona.id === this.#addressed)) this.#addressed = "";
    const options = this.room.personas.map(({ id, name }) => make("option", { value: id }, `To ${name}`));
    byId("to").replaceChildren(make("option", { value: "" }, "To all"), ...options);
    byId("to").value = this.#addressed;
  }

  #stop() {
    for (const turn of running(this.room)) this.#ask("stop", { turn_id: turn.turn_id });
  }

  #showPanel(on) {
    keep({ panel: on });
    byId("panel").hidden = !on;
    byId("panel-button").setAttribute("aria-expanded", String(on));
    this.#ask("watch", { on });
    this.#changed();
  }

  #settings() {
    showSettings(this.room.personas, {
      mode: (mode) => this.talking.change(mode),
      microphone: (id) => {
        keep({ microphone: id });
        if (this.sound.microphoneOpen) this.#openMicrophone();
      },
      loudspeaker: (id) => {
        keep({ loudspeaker: id });
        this.sound.playOn(id).catch((error) => this.#trouble({ message: `This loudspeaker cannot be used: ${error.message}` }));
      },
      camera: (id) => {
        keep({ camera: id });
        if (this.#source === "camera") this.camera.start("camera", id).catch((error) => this.#refusedDevice("camera", error));
      },
      volume: (personaId, volume) => {
        this.sound.setVolume(personaId, volume);
        this.#changed();
      },
    });
  }

  #listen() {
    const { signal } = this.#ended;
    const on = (target, type, run) => target.addEventListener(type, run, { signal });
    for (const [id, sign] of Object.entries(SIGNS)) mark(byId(id), sign);
    on(byId("say-form"), "submit", (e) => this.#say(e));
    on(byId("to"), "change", (e) => this.#address(e.target.value || this.#addressed));
    on(byId("stop"), "click", () => this.#stop());
    on(byId("camera"), "click", () => this.#toggle("camera"));
    on(byId("screen"), "click", () => this.#toggle("screen"));
    on(byId("panel-button"), "click", () => this.#showPanel(byId("panel").hidden));
    on(byId("settings-button"), "click", () => this.#settings());
    on(byId("leave-button"), "click", () => this.left());
    on(window, "keydown", (e) => e.key === "Escape" && !document.querySelector("dialog[open]") && this.#stop());
    on(window, "online", () => this.#ask("hurry"));
    on(document, "visibilitychange", () => !document.hidden && (this.sound.wake(), this.#ask("hurry")));
    on(window, "pointerdown", () => this.sound.wake());
    byId("screen").hidden = !navigator.mediaDevices?.getDisplayMedia;
    startCaptions(signal);
    startBlinking(signal);
    this.camera.previewOn(byId("preview-canvas"));
  }

  /** Shown at the next frame, however much happens until then. */
  #changed() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.#ended.signal.aborted) this.#show();
    });
  }

  #show() {
    const { room } = this;
    setText(byId("room-name"), room.room.name || "The room");
    showPeople(room, this.#addressed, (id) => this.#address(id));
    showCaptions(room, this.#waiting);
    byId("stop").hidden = !running(room).length;
    showRecipe(room);
    if (!byId("panel").hidden) showPanel(room);
  }
}
