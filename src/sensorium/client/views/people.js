// Who is here: the personas with their faces, and the names of the people.

import { activity } from "../room.js";
import { DOES } from "../words.js";
import { volumeOf } from "../kept.js";
import { byId, keyed, make, setText } from "./dom.js";
import { face, hues } from "./face.js";
import { icon } from "./icons.js";

// Speech is mostly below this root mean square; louder is shown as loudest.
const LOUD = 0.16;
const [BLINK_EVERY_MS, BLINK_MS] = [1700, 130];

/** Colours of the personas of this room. @type {Map<string, number>} */
let colours = new Map();
/** By persona. @type {Map<string, number>} */ const levels = new Map();

/** @param {string} personaId @returns {number} its hue */
export const hueOf = (personaId) => colours.get(personaId) ?? hues([personaId]).get(personaId);

/** @param {string} personaId */
export const sounds = (personaId) => levels.has(personaId);

/**
 * @param {any} room
 * @param {string} addressed the persona that written words go to
 * @param {(personaId: string) => void} address
 */
export function showPeople(room, addressed, address) {
  colours = hues(room.personas.map((persona) => persona.id));
  keyed(byId("personas"), room.personas, (p) => p.id, (p) => card(p, address), (li, p) => update(li, p, room, addressed));
  const others = room.people.filter((person) => person.id !== room.you.id).map((person) => person.name);
  setText(byId("people"), room.you.id ? `You are ${room.you.name}${others.length ? "; also here: " + others.join(", ") : ""}` : "");
}

function card(persona, address) {
  const button = make("button", { type: "button", click: () => address(persona.id) },
    make("span", { class: "portrait" }, face(persona.id)),
    make("span", { class: "name" }),
    make("span", { class: "does" }),
    make("span", { class: "sees", title: "sees what you show" }, icon("eye")),
    make("span", { class: "hushed" }),
  );
  const li = make("li", { class: "persona", "data-persona": persona.id }, button);
  return li;
}

function update(li, persona, room, addressed) {
  const { does, sees } = activity(room, persona.id, levels.has(persona.id), performance.now());
  li.style.setProperty("--hue", hueOf(persona.id));
  li.dataset.does = does;
  li.dataset.sees = sees;
  const button = li.firstElementChild;
  const volume = volumeOf(persona.id);
  setText(button.querySelector(".name"), persona.name);
  setText(button.querySelector(".does"), DOES[does]);
  setText(button.querySelector(".hushed"), volume === 1 ? "" : volume === 0 ? "silent" : `${Math.round(100 * volume)} %`);
  button.setAttribute("aria-pressed", String(addressed === persona.id));
  const label = `${persona.name} ${DOES[does]}${sees ? " and sees" : ""}. Write to ${persona.name}`;
  if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
  if (persona.description) button.title = persona.description;
}

/**
 * Moves rings and mouths.
 * @param {{persona_id: string, level: number}[]} now what sounds
 * @returns {boolean} whether somebody began or ceased to sound
 */
export function showLevels(now) {
  const before = [...levels.keys()].join();
  levels.clear();
  for (const { persona_id, level } of now) levels.set(persona_id, Math.max(level, levels.get(persona_id) ?? 0));
  for (const li of byId("personas").children) {
    const level = Math.min(1, (levels.get(li.dataset.persona) ?? 0) / LOUD);
    if (li.dataset.level === level.toFixed(2)) continue;
    li.dataset.level = level.toFixed(2);
    li.style.setProperty("--level", level.toFixed(2));
    li.style.setProperty("--open", Math.min(1, 1.4 * level).toFixed(2));
  }
  return before !== [...levels.keys()].join();
}

/** Now and then somebody blinks: one short change, no animation that runs all day. @param {AbortSignal} signal */
export function startBlinking(signal) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const timer = setInterval(() => {
    const faces = document.querySelectorAll("#personas .face");
    const one = faces[Math.floor(Math.random() * faces.length)];
    if (!one || still.matches || document.hidden) return;
    one.classList.add("blinks");
    setTimeout(() => one.classList.remove("blinks"), BLINK_MS);
  }, BLINK_EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

/** Faces for the door. @param {string[]} ids */
export function showFaces(parent, ids) {
  const colour = hues(ids);
  parent.replaceChildren(...ids.map((id) => {
    const drawn = face(id);
    drawn.style.setProperty("--hue", colour.get(id));
    return drawn;
  }));
}
