// What is said: entries that stand, and below them what is being said just now. Only the first are read out.

import { kept, rest, told } from "../room.js";
import { toolLine } from "../words.js";
import { byId, keyed, make, setText } from "./dom.js";
import { hueOf } from "./people.js";

const NEAR_PX = 60;

/**
 * @param {any} room
 * @param {{number: number, text: string, to: string}[]} waiting what was written and is not in the room yet
 */
export function showCaptions(room, waiting) {
  const live = [...people(room), ...replies(room), ...waiting.map((say) => unsent(room, say))];
  keyed(byId("log"), kept(room), keyOf, create, (li, line) => ("call_id" in line ? called : entered)(li, line, room));
  keyed(byId("live"), live, (line) => line.key, create, spoken);
  const nobody = !room.entries.length && !live.length;
  setText(byId("nothing"), nobody && room.you.id ? "Nothing was said yet. Greet somebody, or ask a question." : "");
}

const keyOf = (line) => ("call_id" in line ? `call-${line.call_id}` : String(line.entry_id));

/** The button that leads back to the newest words. @param {AbortSignal} signal */
export function startCaptions(signal) {
  const scroller = byId("scroller");
  scroller.scrollTop = 0; // it is filled from below: this is its end
  byId("newest").hidden = true;
  byId("newest").addEventListener("click", () => (scroller.scrollTop = 0), { signal });
  scroller.addEventListener("scroll", () => (byId("newest").hidden = scroller.scrollTop > -NEAR_PX), { signal });
}

function create() {
  const words = make("span", { class: "words" }, make("span"), make("span", { class: "ahead" }), make("del"));
  return make("li", { class: "entry" }, make("span", { class: "who" }), words, make("span", { class: "note" }));
}

function fill(li, { kind, who, hue, me, said, ahead = "", unheard = "", note = "", waiting = false, thinking = false }) {
  const className = `entry ${kind}${me ? " me" : ""}${waiting ? " waiting" : ""}`;
  if (li.className !== className) li.className = className;
  if (hue !== undefined) li.style.setProperty("--hue", hue);
  const [name, words, below] = li.children;
  setText(name, who);
  setText(words.children[0], said);
  setText(words.children[1], ahead && said ? ` ${ahead}` : ahead);
  setText(words.children[2], unheard && said ? ` ${unheard}` : unheard);
  words.children[1].hidden = !ahead;
  words.children[2].hidden = !unheard;
  setText(below, note);
  below.hidden = !note;
  const dots = li.querySelector(".dots");
  if (thinking && !dots) li.append(make("span", { class: "dots" }, make("i"), make("i"), make("i")));
  else if (!thinking) dots?.remove();
}

/** What each line shows: an entry never changes, but for what nobody heard of it. */
const shown = new WeakMap();

function entered(li, entry, room) {
  const state = `${entry.unheard} ${room.you.id}`;
  if (shown.get(li) === state) return;
  shown.set(li, state);
  const persona = entry.kind === "persona";
  const me = entry.kind === "person" && entry.speaker_id === room.you.id;
  fill(li, {
    kind: entry.kind,
    who: entry.kind === "event" ? "" : me ? "You" : entry.speaker_name,
    hue: persona ? hueOf(entry.speaker_id) : undefined,
    me,
    said: entry.text,
    unheard: entry.unheard,
    note: entry.unheard ? "interrupted; the rest was not heard" : "",
  });
  if (entry.at_s && !li.title) li.title = new Date(1000 * entry.at_s).toLocaleString();
}

const spoken = (li, line) => fill(li, line);

/** A tool that a persona uses, and what became of it. */
function called(li, call, room) {
  const state = `${call.outcome} ${call.text}`;
  if (shown.get(li) === state) return;
  shown.set(li, state);
  const who = room.personas.find((persona) => persona.id === call.persona_id)?.name ?? call.persona_id;
  const note = { done: call.text, failed: `failed: ${call.text}`, dropped: "given up" }[call.outcome] ?? "";
  const kind = `event tool${call.outcome === "failed" ? " failed" : ""}`;
  fill(li, { kind, who: "", me: false, said: toolLine(who, call), note, thinking: !call.outcome });
}

function people(room) {
  return [...room.hearing].filter(([, { speaking, text }]) => speaking || text).map(([id, { text }]) => {
    const me = id === room.you.id;
    const name = room.people.find((person) => person.id === id)?.name ?? "Somebody";
    return { key: `hearing-${id}`, kind: "person", who: me ? "You" : name, me, said: text, thinking: true };
  });
}

function replies(room) {
  return told(room).map((turn) => ({
    key: `turn-${turn.turn_id}`,
    kind: "persona",
    who: room.personas.find((persona) => persona.id === turn.persona_id)?.name ?? turn.persona_id,
    hue: hueOf(turn.persona_id),
    me: false,
    said: turn.spoken,
    ahead: turn.outcome ? "" : rest(turn.text, turn.spoken),
    thinking: !turn.outcome && !turn.text && !turn.spoken,
  }));
}

function unsent(room, { number, text, to }) {
  const whom = room.personas.find((persona) => persona.id === to)?.name;
  const note = room.connection.phase === "open" ? "on its way" : "kept until the connection is back";
  return { key: `say-${number}`, kind: "person", who: whom ? `You, to ${whom}` : "You", me: true, said: text, note, waiting: true };
}
