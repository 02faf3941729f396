// What the page knows of the room, changed by the room's records alone. Pure: no element, no socket, no clock.

const MAX_ENTRIES = 300;
const MAX_TURNS = 32;
const MAX_CALLS = 100;
const SEES_MS = 4000;

/**
 * @typedef {{entry_id: number, kind: string, speaker_id: string, speaker_name: string, text: string,
 *   turn_id: number, at_s: number, unheard?: string}} Entry
 * @typedef {{turn_id: number, persona_id: string, text: string, spoken: string, held: boolean,
 *   outcome: string}} Turn
 * @typedef {{call_id: number, persona_id: string, tool: string, arguments: string, behind: number,
 *   outcome: string, text: string}} Call of a tool; it stands behind the entry of that number
 */

/** A room before anybody came. */
export function nowhere() {
  return {
    /** @type {{phase: string, attempt?: number, again_ms?: number, reason?: string, remedy?: string}} */
    connection: { phase: "away" },
    you: { id: "", name: "" },
    room: { id: "", name: "" },
    camera: false,
    recipe: { name: "", about: "", hearing: true, vision: true, touch: true },
    /** @type {{id: string, name: string, description?: string}[]} */ personas: [],
    /** @type {{id: string, name: string}[]} */ people: [],
    /** @type {Entry[]} */ entries: [],
    /** @type {Map<string, {speaking: boolean, text: string}>} */ hearing: new Map(),
    /** @type {Map<number, Turn>} */ turns: new Map(),
    /** @type {Map<number, Call>} */ calls: new Map(),
    /** @type {Set<string>} */ workersDown: new Set(),
    lookedMs: -Infinity,
    looked: { person_id: "", number: 0 },
    /** @type {any} */ lastTurn: null,
    /** @type {any} */ stats: null,
  };
}

const takes = {
  Welcome(room, record) {
    const same = room.you.id === record.you.id && room.room.id === record.room.id;
    room.you = record.you;
    room.room = record.room;
    room.camera = record.camera;
    room.recipe = record.recipe;
    room.personas = record.personas;
    room.people = record.people;
    // What ran when the connection broke is over, or will be told of anew.
    room.hearing.clear();
    room.turns.clear();
    room.workersDown.clear();
    room.calls.clear();
    if (!same) room.entries = [];
    for (const entry of record.history) add(room, entry);
  },

  Members(room, { personas, people }) {
    const known = new Map(room.personas.map((persona) => [persona.id, persona]));
    room.personas = personas.map((persona) => ({ ...known.get(persona.id), ...persona }));
    room.people = people;
  },

  Listening(room, { person_id, speaking }) {
    const { text } = room.hearing.get(person_id) ?? { text: "" };
    if (speaking || text) room.hearing.set(person_id, { speaking, text });
    else room.hearing.delete(person_id);
  },

  Hearing(room, { person_id, text }) {
    const { speaking } = room.hearing.get(person_id) ?? { speaking: false };
    if (text || speaking) room.hearing.set(person_id, { speaking, text });
    else room.hearing.delete(person_id);
  },

  Message(room, { type, ...entry }) {
    if (entry.kind === "person") room.hearing.delete(entry.speaker_id);
    add(room, entry);
    mark(room, entry.turn_id);
  },

  TurnBegan(room, { turn_id, persona_id }) {
    if (persona_id) turnOf(room, turn_id, persona_id);
  },

  Writing(room, { turn_id, persona_id, text }) {
    turnOf(room, turn_id, persona_id).text = text;
  },

  Spoke(room, { turn_id, text }) {
    const turn = room.turns.get(turn_id);
    if (turn) turn.spoken = text;
  },

  Held: (room, { turn_id }) => hold(room, turn_id, true),
  Resumed: (room, { turn_id }) => hold(room, turn_id, false),

  TurnEnded(room, { type, ...ended }) {
    room.lastTurn = ended;
    const turn = room.turns.get(ended.turn_id);
    if (!turn) return;
    turn.outcome = ended.outcome;
    turn.spoken = ended.said;
    mark(room, ended.turn_id);
  },

  RecipeChanged(room, { recipe }) {
    room.recipe = recipe;
    if (!recipe.vision) room.lookedMs = -Infinity;
  },

  Looked(room, { person_id, number }, nowMs) {
    room.looked = { person_id, number };
    room.lookedMs = nowMs;
  },

  ToolCalled(room, { call_id, persona_id, tool, arguments: given }) {
    const behind = room.entries.at(-1)?.entry_id ?? 0;
    room.calls.set(call_id, { call_id, persona_id, tool, arguments: given, behind, outcome: "", text: "" });
    if (room.calls.size > MAX_CALLS) room.calls.delete(room.calls.keys().next().value);
  },

  ToolEnded(room, { call_id, outcome, text }) {
    const call = room.calls.get(call_id);
    if (call) Object.assign(call, { outcome, text });
  },

  WorkerDown: (room, { worker }) => room.workersDown.add(worker),
  WorkerUp: (room, { worker }) => room.workersDown.delete(worker),
  Stats(room, { type, ...stats }) {
    room.stats = stats;
  },
};

/**
 * @param {ReturnType<typeof nowhere>} room changed in place
 * @param {{type: string}} record of the room
 * @param {number} nowMs
 */
export function take(room, record, nowMs) {
  takes[record.type]?.(room, record, nowMs);
}

/** Turns under way, oldest first. @returns {Turn[]} */
export function running(room) {
  return [...room.turns.values()].filter((turn) => !turn.outcome);
}

/** Turns whose words are not among the entries yet, oldest first. @returns {Turn[]} */
export function told(room) {
  const entered = new Set(room.entries.map((entry) => entry.turn_id));
  return [...room.turns.values()].filter((t) => !t.outcome || (t.spoken && !entered.has(t.turn_id)));
}

/** Entries that stand, and between them the calls of tools. @returns {(Entry | Call)[]} */
export function kept(room) {
  const lines = [...room.entries, ...room.calls.values()];
  const at = (line) => line.entry_id ?? line.behind;
  // Sorting is stable: a call stands behind its entry, and calls stand in their order.
  return lines.sort((a, b) => at(a) - at(b) || Number("call_id" in a) - Number("call_id" in b));
}

/**
 * What a persona does now.
 * @param {ReturnType<typeof nowhere>} room
 * @param {string} personaId
 * @param {boolean} sounds its voice is playing
 * @param {number} nowMs
 * @returns {{does: "speaks" | "waits" | "thinks" | "listens" | "is here", sees: boolean}}
 */
export function activity(room, personaId, sounds, nowMs) {
  const sees = nowMs - room.lookedMs < SEES_MS;
  const turn = running(room).find((t) => t.persona_id === personaId);
  if (turn?.held) return { does: "waits", sees };
  if (sounds || turn?.spoken) return { does: "speaks", sees };
  if (turn) return { does: "thinks", sees };
  const heard = [...room.hearing.values()].some((person) => person.speaking || person.text);
  return { does: heard ? "listens" : "is here", sees };
}

/**
 * The words of `written` behind those that `said` begins with, told by words, whatever punctuation does.
 * @param {string} written
 * @param {string} said
 */
export function rest(written, said) {
  const words = written.match(/\S+/g) ?? [];
  const heard = (said.match(/\S+/g) ?? []).map(bare).filter(Boolean);
  let at = 0;
  for (const word of heard) {
    while (at < words.length && !bare(words[at])) at++;
    if (at === words.length || bare(words[at]) !== word) break;
    at++;
  }
  return words.slice(at).join(" ");
}

const bare = (word) => word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

function turnOf(room, turn_id, persona_id) {
  let turn = room.turns.get(turn_id);
  if (!turn) {
    turn = { turn_id, persona_id, text: "", spoken: "", held: false, outcome: "" };
    room.turns.set(turn_id, turn);
    if (room.turns.size > MAX_TURNS) room.turns.delete(room.turns.keys().next().value);
  }
  return turn;
}

function hold(room, turnId, held) {
  const turn = room.turns.get(turnId);
  if (turn) turn.held = held;
}

function add(room, entry) {
  const at = room.entries.findIndex((known) => known.entry_id >= entry.entry_id);
  if (at < 0) room.entries.push(entry);
  else if (room.entries[at].entry_id !== entry.entry_id) room.entries.splice(at, 0, entry);
  if (room.entries.length > MAX_ENTRIES) room.entries.shift();
}

/** A reply that was cut off shows what nobody heard of it, whichever is told first: its end or its message. */
function mark(room, turnId) {
  const turn = room.turns.get(turnId);
  if (turn?.outcome !== "interrupted") return;
  const entry = room.entries.find((e) => e.turn_id === turnId && e.kind === "persona");
  if (entry) entry.unheard = rest(turn.text, entry.text);
}
