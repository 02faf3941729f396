// A persona's face, drawn from nothing but its id: the same id is the same face everywhere.

import { draw } from "./dom.js";
import { BACK_HAIR, FRONT_HAIR } from "./hair.js";

// Any number would do; with this one the house's own personas look unlike each other.
const SALT = "face-67033:";
// Far enough apart to be told from each other, also side by side.
const HUES = [12, 36, 58, 96, 146, 174, 198, 222, 250, 276, 304, 338];
const SKINS = ["#f6d7bd", "#eabf9b", "#d49c72", "#b57a50", "#8c5836", "#f0cba8"];
const HAIRS = ["#2b2320", "#4a2f22", "#7a4a2a", "#b9803f", "#d9b26a", "#a3452c", "#8d8d92", "#1f2430"];

/** A 32-bit number from a text (FNV-1a, with MurmurHash3's last mix). */
function hash(text) {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const pick = (id, what, from) => from[hash(SALT + what + ":" + id) % from.length];

/**
 * A colour for each persona of a room, none twice while there are enough.
 * @param {string[]} ids
 * @returns {Map<string, number>} hues in degrees
 */
export function hues(ids) {
  const taken = new Set();
  const found = new Map();
  for (const id of [...ids].sort()) {
    let at = hash(SALT + "hue:" + id) % HUES.length;
    for (let i = 0; taken.has(at) && i < HUES.length; i++) at = (at + 5) % HUES.length;
    taken.add(at);
    found.set(id, HUES[at]);
  }
  return found;
}

/**
 * @param {string} id of the persona
 * @returns {SVGElement} 120 units wide and high. CSS moves it by classes round it, and by `--hue` and `--open`,
 *   how far the mouth is open from 0 to 1
 */
export function face(id) {
  const skin = pick(id, "skin", SKINS);
  const hair = pick(id, "hair", HAIRS);
  const style = pick(id, "style", Object.keys(FRONT_HAIR));
  const svg = draw("svg", { viewBox: "0 0 120 120", class: "face", "aria-hidden": "true", focusable: "false" });
  svg.append(
    draw("circle", { class: "ground", cx: 60, cy: 60, r: 60 }),
    draw("g", { class: "person" }, ...backHair(style, hair), ...body(id, skin), ...head(id, skin, hair, style)),
  );
  return svg;
}

function backHair(style, hair) {
  return BACK_HAIR[style] ? [draw("path", { d: BACK_HAIR[style], fill: hair })] : [];
}

function body(id, skin) {
  const collar = pick(id, "collar", ["M46 97 Q60 108 74 97", "M48 96 L60 110 L72 96", "M45 99 Q60 103 75 99"]);
  return [
    draw("path", { class: "cloth", d: "M14 124 Q18 98 46 95 L74 95 Q102 98 106 124 Z" }),
    draw("path", { d: "M51 80 L51 96 Q60 105 69 96 L69 80 Z", fill: skin }),
    draw("path", { d: "M51 86 Q60 95 69 86 L69 90 Q60 99 51 90 Z", fill: "#000", opacity: 0.1 }),
    draw("path", { class: "collar", d: collar }),
  ];
}

function head(id, skin, hair, style) {
  const rx = pick(id, "width", [25, 26.5, 28]);
  const parts = [
    draw("circle", { cx: 60 - rx, cy: 60, r: 5, fill: skin }),
    draw("circle", { cx: 60 + rx, cy: 60, r: 5, fill: skin }),
    draw("ellipse", { cx: 60, cy: 58, rx, ry: 31, fill: skin }),
    ...beard(id, hair, rx, style),
    draw("g", { class: "cheeks" }, ...[44, 76].map((cx) => draw("ellipse", { cx, cy: 68, rx: 5, ry: 3.4 }))),
    ...freckles(id),
    draw("path", { class: "line", d: pick(id, "nose", NOSES) }),
    draw("g", { class: "mouth" },
      draw("path", { class: "line smile", d: pick(id, "mouth", SMILES) }),
      draw("ellipse", { class: "open", cx: 60, cy: 77, rx: 6.5, ry: 6 }),
    ),
    eyes(id),
    ...[-1, 1].map((side) => brow(id, side, hair)),
    draw("path", { d: FRONT_HAIR[style], fill: hair }),
    ...glasses(id),
    ...earrings(id, rx),
  ];
  return [draw("g", { class: "head" }, ...parts)];
}

const NOSES = ["M60 60 Q56.5 67 60 68", "M58 67 Q60 69.5 62 67", "M61 59 Q64 66.5 60 67.5"];
const SMILES = ["M51 75.5 Q60 83 69 75.5", "M52 77 Q60 81.5 68 77", "M52 76 Q61 83.5 69 74.5"];

function eyes(id) {
  const r = pick(id, "eyes", [2.7, 3.1, 3.5]);
  const apart = pick(id, "apart", [10.5, 11.5]);
  const one = (side) =>
    draw("g", { class: "eye" },
      draw("circle", { class: "ink", cx: 60 + side * apart, cy: 58, r }),
      draw("circle", { cx: 60 + side * apart + 1, cy: 56.8, r: 0.9, fill: "#fff" }),
    );
  return draw("g", { class: "eyes" }, one(-1), one(1));
}

function brow(id, side, hair) {
  const lift = pick(id, "brow", [0, 1.2, 2.4]);
  const [inner, outer] = [60 + side * 6.5, 60 + side * 16.5];
  const d = `M${inner} 51 Q${60 + side * 12} ${47 - lift} ${outer} ${51 - lift / 2}`;
  return draw("path", { class: "brow", d, stroke: hair });
}

function glasses(id) {
  const kind = pick(id, "glasses", ["", "", "round", "square", ""]);
  if (!kind) return [];
  const lens = (side) =>
    kind === "round"
      ? draw("circle", { cx: 60 + side * 11.5, cy: 58.5, r: 8.2 })
      : draw("rect", { x: 60 + side * 11.8 - 8.5, y: 52, width: 17, height: 13, rx: 4 });
  const bridge = draw("path", { d: "M56.5 57.5 Q60 55.5 63.5 57.5" });
  return [draw("g", { class: "glasses" }, lens(-1), lens(1), bridge)];
}

function beard(id, hair, rx, style) {
  const kind = BACK_HAIR[style] ? "" : pick(id, "beard", ["", "", "full", "moustache"]);
  const [left, right] = [60 - rx, 60 + rx];
  if (kind === "full") {
    const d = `M${left} 58 Q${left + 1} 94 60 94 Q${right - 1} 94 ${right} 58 Q${right - 4} 71 60 70 Q${left + 4} 71 ${left} 58 Z`;
    return [draw("path", { d, fill: hair })];
  }
  if (kind === "moustache") return [draw("path", { d: "M48 73 Q54 68 60 71 Q66 68 72 73 Q66 75.5 60 73 Q54 75.5 48 73 Z", fill: hair })];
  return [];
}

function freckles(id) {
  if (!pick(id, "freckles", [true, false, false])) return [];
  const spots = [[43, 65], [47, 67.5], [42, 69.5], [77, 65], [73, 67.5], [78, 69.5]];
  return spots.map(([cx, cy]) => draw("circle", { class: "freckle", cx, cy, r: 0.9 }));
}

function earrings(id, rx) {
  if (!pick(id, "earrings", [true, false, false, false])) return [];
  return [-1, 1].map((side) => draw("circle", { class: "earring", cx: 60 + side * rx, cy: 67.5, r: 2.4 }));
}
