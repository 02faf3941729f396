// What a person should know or do, each once, at the top of the page.

import { byId, keyed, make, setText } from "./dom.js";

/** @typedef {{key: string, kind: "problem" | "waiting" | "news", text: string, remedy: string,
 *   action?: {label: string, run: () => void}, closable?: boolean}} Notice */

/** @type {Map<string, Notice>} */ const notices = new Map();
/** @type {Map<string, number>} */ const timers = new Map();

/**
 * @param {Notice} notice replaces one with the same key
 * @param {number} [forMs] gone by itself after so long
 */
export function notify(notice, forMs = 0) {
  clearTimeout(timers.get(notice.key));
  notices.set(notice.key, notice);
  if (forMs) timers.set(notice.key, setTimeout(() => settle(notice.key), forMs));
  show();
}

/** @param {string} key of what is over */
export function settle(key) {
  clearTimeout(timers.get(key));
  if (notices.delete(key)) show();
}

function show() {
  const list = byId(byId("room").hidden ? "join-notices" : "notices");
  const other = byId(byId("room").hidden ? "notices" : "join-notices");
  other.replaceChildren();
  keyed(list, [...notices.values()], (notice) => notice.key, create, update);
}

/** The other part of the page is seen now. */
export const moveNotices = show;

function create(notice) {
  const role = notice.kind === "problem" ? "alert" : "status";
  const text = make("p", { role }, make("b"), " ", make("span"));
  return make("li", { class: "notice" }, text, make("button", { type: "button" }), make("button", { type: "button" }, "Close"));
}

function update(li, notice) {
  li.className = `notice ${notice.kind}`;
  const [text, act, close] = li.children;
  setText(text.children[0], notice.text);
  setText(text.children[1], notice.remedy);
  act.hidden = !notice.action;
  setText(act, notice.action?.label ?? "");
  act.onclick = notice.action?.run ?? null;
  close.hidden = !notice.closable;
  close.onclick = () => settle(notice.key);
}
