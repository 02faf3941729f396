// What this browser remembers between visits. Without storage (a private window) it is remembered until the page goes.

const KEY = "sensorium";
const FRESH = {
  name: "",
  session: "",
  mode: "hold",
  muted: false,
  panel: false,
  microphone: "",
  loudspeaker: "",
  camera: "",
  /** @type {Record<string, number>} */ volumes: {},
};

/** @returns {typeof FRESH} */
function load() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const known = Object.entries(FRESH).filter(([name, value]) => typeof found[name] === typeof value);
    return { ...FRESH, volumes: {}, ...Object.fromEntries(known.map(([name]) => [name, found[name]])) };
  } catch {
    return { ...FRESH, volumes: {} }; // no storage, or not ours
  }
}

export const kept = load();

/** @param {Partial<typeof FRESH>} changes */
export function keep(changes) {
  Object.assign(kept, changes);
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // No storage: the page has it as long as it lives.
  }
}

/** @param {string} personaId @returns {number} from 0 to 1 */
export function volumeOf(personaId) {
  const volume = kept.volumes[personaId];
  return Number.isFinite(volume) ? Math.min(1, Math.max(0, volume)) : 1;
}
