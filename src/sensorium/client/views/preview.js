// What the person shows, and what the personas looked at of it last.

import { byId, setText } from "./dom.js";

/** @param {"" | "camera" | "screen"} kind what is on */
export function showSource(kind) {
  for (const id of ["camera", "screen"]) byId(id).setAttribute("aria-pressed", String(kind === id));
  byId("preview").hidden = !kind;
  byId("preview-canvas").hidden = true;
  if (kind) setText(byId("preview-text"), `Your ${kind} is on. Nobody has looked yet.`);
}

/** @param {number} number of the picture @param {string} kind of what it is */
export function showLooked(number, kind) {
  byId("preview-canvas").hidden = false;
  setText(byId("preview-text"), `The personas looked at this, picture ${number} of your ${kind || "camera"}.`);
}
