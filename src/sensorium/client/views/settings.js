// Devices, how to talk, and how loud each persona is.

import { devices } from "../audio/sound.js";
import { keep, kept, volumeOf } from "../kept.js";
import { byId, make } from "./dom.js";
import { face } from "./face.js";
import { hueOf } from "./people.js";
import { recipeField } from "./recipe.js";

export const MODES = { hold: "Hold to talk", open: "Open microphone", type: "By keyboard" };

/**
 * Shows the dialog.
 * @param {{id: string, name: string}[]} personas
 * @param {{mode: (mode: string) => void, microphone: (id: string) => void, loudspeaker: (id: string) => void,
 *   camera: (id: string) => void, volume: (personaId: string, volume: number) => void}} change
 */
export async function showSettings(personas, change) {
  const dialog = byId("settings");
  const [found, recipe] = await Promise.all([devices(), recipeField()]);
  byId("settings-body").replaceChildren(
    make("div", { class: "settings" },
      make("section", {}, make("h3", {}, "Talking"), ...modes(change.mode), keys()),
      make("section", {}, make("h3", {}, "This room"), recipe),
      make("section", {}, make("h3", {}, "Devices"),
        device("Microphone", "microphone", found.inputs, change.microphone),
        ...("setSinkId" in AudioContext.prototype ? [device("Loudspeaker", "loudspeaker", found.outputs, change.loudspeaker)] : []),
        device("Camera", "camera", found.cameras, change.camera)),
      make("section", {}, make("h3", {}, "Voices"), ...personas.map((persona) => volume(persona, change.volume))),
    ),
  );
  if (!dialog.open) dialog.showModal();
}

function modes(choose) {
  return Object.entries(MODES).map(([mode, name]) => {
    const radio = make("input", { type: "radio", name: "talk-mode", value: mode, checked: kept.mode === mode, change: () => choose(mode) });
    return make("div", {}, make("label", {}, radio, ` ${name}`));
  });
}

function keys() {
  return make("p", { class: "keys" }, make("small", {}, make("kbd", {}, "Space"), " held: talk. ", make("kbd", {}, "Esc"), ": stop who speaks."));
}

function device(label, name, found, choose) {
  const id = `device-${name}`;
  const usual = make("option", { value: "" }, found.length ? "The browser's choice" : "None found, or not allowed yet");
  const options = found.map((d, i) => make("option", { value: d.deviceId, selected: d.deviceId === kept[name] }, d.label || `${label} ${i + 1}`));
  const select = make("select", { id, change: (e) => choose(e.target.value) }, usual, ...options);
  return make("div", { class: "field" }, make("label", { for: id }, label), select);
}

function volume(persona, change) {
  const id = `volume-${persona.id}`;
  const shown = make("output", { for: id });
  const slide = (e) => {
    const value = Number(e.target.value) / 100;
    keep({ volumes: { ...kept.volumes, [persona.id]: value } });
    shown.textContent = `${e.target.value} %`;
    change(persona.id, value);
  };
  const value = Math.round(100 * volumeOf(persona.id));
  shown.textContent = `${value} %`;
  const drawn = face(persona.id);
  drawn.style.setProperty("--hue", hueOf(persona.id));
  return make("div", { class: "volume" }, drawn, make("label", { for: id }, persona.name),
    make("input", { type: "range", id, min: 0, max: 100, step: 5, value, input: slide }), shown);
}
