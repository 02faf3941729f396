// What people do with pointer, keys and page, as the personas perceive it: once a frame, in the order of their
// stamps. Which key was pressed is never noted.

const MAX_EVENTS = 256;
const KINDS = { pointermove: "move", pointerdown: "press", pointerup: "release", pointercancel: "cancel" };

/**
 * Watches until `signal` aborts.
 * @param {(events: {kind: string, target?: string, x?: number, y?: number}[]) => void} send
 * @param {AbortSignal} signal
 */
export function watchTouches(send, signal) {
  /** @type {{at: number, event: {kind: string}}[]} */ let noted = [];
  let asked = 0;

  const note = (at, event) => {
    const newest = noted.at(-1)?.event;
    // Of moves over the same place only the last of a frame counts, and of typing that it happens.
    const again = newest?.kind === event.kind && newest.target === event.target;
    if (again && (event.kind === "move" || event.kind === "key")) noted.pop();
    if (noted.length < MAX_EVENTS) noted.push({ at, event });
    asked ||= requestAnimationFrame(flush);
  };
  const flush = () => {
    asked = 0;
    const events = noted.sort((a, b) => a.at - b.at).map(({ event }) => event);
    noted = [];
    if (events.length && !signal.aborted) send(events);
  };
  const share = (value, whole) => Math.min(1, Math.max(0, value / Math.max(1, whole)));

  const pointer = (e) => {
    const target = e.target.closest?.("[data-persona]")?.dataset.persona ?? "";
    const [x, y] = [share(e.clientX, innerWidth), share(e.clientY, innerHeight)];
    note(e.timeStamp, { kind: KINDS[e.type], target, x, y });
  };
  for (const type of Object.keys(KINDS)) addEventListener(type, pointer, { signal, passive: true });
  addEventListener("keydown", (e) => !e.repeat && e.target.matches?.("input") && note(e.timeStamp, { kind: "key" }), { signal });
  for (const type of ["focus", "blur"]) addEventListener(type, (e) => note(e.timeStamp, { kind: type }), { signal });
  const shown = (e) => {
    note(e.timeStamp, { kind: document.hidden ? "hide" : "show" });
    if (document.hidden) flush(); // no frame comes for a page that is hidden
  };
  document.addEventListener("visibilitychange", shown, { signal });
}
