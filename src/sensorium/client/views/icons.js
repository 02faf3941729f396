// The page's signs: 24 units wide and high, drawn with lines.

import { draw } from "./dom.js";

const PATHS = {
  microphone: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3Z M6 11v1a6 6 0 0 0 12 0v-1 M12 18v3",
  muted: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3Z M6 11v1a6 6 0 0 0 12 0v-1 M12 18v3 M4 4l16 16",
  camera: "M4 7h10a1.5 1.5 0 0 1 1.5 1.5v7A1.5 1.5 0 0 1 14 17H4a1.5 1.5 0 0 1-1.5-1.5v-7A1.5 1.5 0 0 1 4 7Z M15.5 11l6-3v8l-6-3",
  screen: "M3.5 5h17v11h-17Z M9 20h6 M12 16v4",
  stop: "M7 7h10v10H7Z",
  send: "M4 12l16-8-6 16-3-6.5Z",
  chart: "M4 20V10 M10 20V4 M16 20v-7 M21 20H3",
  settings: "M4 7h9 M17 7h3 M15 5v4 M4 17h3 M11 17h9 M9 15v4",
  leave: "M10 4H5v16h5 M14 8l4 4-4 4 M18 12H9",
  eye: "M2.5 12S6 6 12 6s9.5 6 9.5 6-3.5 6-9.5 6-9.5-6-9.5-6Z M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  const svg = draw("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" });
  svg.append(draw("path", { d: PATHS[name] }));
  return svg;
}

/** Puts a sign in front of what a button says, or changes it. */
export function mark(button, name) {
  if (button.dataset.icon === name) return;
  button.dataset.icon = name;
  button.querySelector(":scope > .icon")?.remove();
  button.prepend(icon(name));
}
