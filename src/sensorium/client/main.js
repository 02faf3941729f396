// The door: is this browser able, is no other tab in the room, who comes in, and how will they talk.

import { App } from "./app.js";
import { Sound } from "./audio/sound.js";
import { keep, kept } from "./kept.js";
import { oneTab } from "./tabs.js";
import { NO_SHARED_MEMORY, NOT_SECURE, OTHER_TAB, TAKEN_OVER, TOO_OLD } from "./words.js";
import { byId } from "./views/dom.js";
import { moveNotices, notify, settle } from "./views/notices.js";
import { showFaces } from "./views/people.js";

const MAX_FACES = 8;
const query = new URLSearchParams(location.search);
/** @type {App | null} */ let app = null;
let inOtherTab = false;

const tabs = oneTab({
  taken: () => occupied(OTHER_TAB),
  lost: () => {
    leave();
    occupied(TAKEN_OVER);
  },
});

function occupied(told) {
  inOtherTab = true;
  byId("enter").disabled = true;
  const action = { label: "Use this tab", run: takeOver };
  notify({ key: "tab", kind: "waiting", ...told, action });
}

async function takeOver() {
  await tabs.takeOver();
  inOtherTab = false;
  settle("tab");
  byId("enter").disabled = false;
  if (kept.name && kept.session) enter();
}

function able() {
  const needed = [self.WebSocket, self.Worker, self.AudioWorkletNode, self.MessageChannel, self.ResizeObserver];
  return needed.every(Boolean) && typeof HTMLDialogElement === "function";
}

function check() {
  if (!able()) {
    byId("enter").disabled = true;
    return notify({ key: "browser", kind: "problem", ...TOO_OLD });
  }
  if (!self.isSecureContext || !navigator.mediaDevices) {
    notify({ key: "browser", kind: "waiting", ...NOT_SECURE });
    onlyKeyboard();
  } else if (!Sound.canHear) {
    notify({ key: "browser", kind: "waiting", ...NO_SHARED_MEMORY });
    onlyKeyboard();
  }
}

function onlyKeyboard() {
  for (const radio of document.querySelectorAll('#join-form [name="mode"]')) radio.disabled = radio.value !== "type";
  choose("type");
}

function choose(mode) {
  const radio = document.querySelector(`#join-form [name="mode"][value="${CSS.escape(mode)}"]`);
  if (radio) radio.checked = true;
  byId("join-hint").hidden = mode === "type";
}

function enter() {
  settle("door");
  app = new App({
    url: roomUrl(),
    processing: query.get("processing") !== "off",
    left: leave,
  });
  byId("join").hidden = true;
  byId("room").hidden = false;
  moveNotices();
  app.start();
}

/** @param {import("./words.js").Telling} [why] the room would not have them */
function leave(why) {
  app?.close();
  app = null;
  byId("room").hidden = true;
  byId("join").hidden = false;
  moveNotices();
  if (why) notify({ key: "door", kind: "problem", ...why });
  byId("name").focus();
}

function roomUrl() {
  const url = new URL("/room", location.origin);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** The link's token is given for a cookie, and does not stay where it can be seen. */
async function showToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  // A token that is refused is told of when the room refuses the person.
  await fetch("/api/enter", { method: "POST", headers: { Authorization: `Bearer ${token}` } }).catch(() => {});
}

/** Who is in, for those at the door. */
async function lookIn() {
  const answer = await fetch("/api/room").catch(() => null);
  if (!answer?.ok) return;
  const { room, personas, hears } = await answer.json();
  byId("join-lead").textContent = `${names(personas)} ${personas.length === 1 ? "is" : "are"} here. ${hears ? "Talk with them; they answer aloud." : "Nobody listens in this room: write to them."}`;
  document.title = `${room.name} · Sensorium`;
  showFaces(byId("join-faces"), personas.slice(0, MAX_FACES).map((persona) => persona.id));
  if (!hears) onlyKeyboard();
}

function names(personas) {
  return new Intl.ListFormat("en", { type: "conjunction" }).format(personas.map((persona) => persona.name));
}

byId("join-form").addEventListener("change", (e) => e.target.name === "mode" && choose(e.target.value));
byId("join-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const name = byId("name").value.trim();
  if (!name || inOtherTab) return;
  const mode = new FormData(e.target).get("mode");
  keep({ name, mode: String(mode), muted: false, session: name === kept.name ? kept.session : "" });
  enter();
});

byId("name").value = kept.name;
choose(kept.mode);
check();
tabs.claim();
showToken().then(lookIn);
