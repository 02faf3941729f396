// The last turn against its budgets, how the room is doing, and on which rung each ladder stands.

import { byId, make } from "./dom.js";

// A bar's budget lies here, so that what is over it can be seen to be.
const BUDGET_AT = 0.75;

/** What people call the stages; others keep their own name. */
const NAMES = {
  "hearing.chunk": "hearing",
  "hearing.encoder": "· encoder",
  "vision.frame": "vision",
  "vision.decode": "· decode",
  "vision.model": "· model",
  "speech.first_byte": "first speech",
  "speech.first_chunk": "· vocoder",
  touch: "touch",
  hop: "hop",
  loop_lag: "loop lag",
  voice_to_voice: "voice to voice",
};
const OF_A_TURN = ["speech.first_byte", "speech.first_chunk", "voice_to_voice"];

let shown = null;

/** @param {any} room */
export function showPanel(room) {
  const { stats, lastTurn } = room;
  if (shown?.stats === stats && shown.lastTurn === lastTurn) return;
  shown = { stats, lastTurn };
  if (!stats) return byId("panel-body").replaceChildren(make("p", { class: "lead" }, "The first measurements come in a moment."));
  byId("panel-body").replaceChildren(
    ...turnLines(room, lastTurn),
    stages(stats, lastTurn),
    make("p", { class: "legend" }, "In ms, of the budget. Bars: this turn where it was measured, else the median. Grey line: the budget. Brown line: 99 of 100 were faster."),
    tiles(stats),
    ...ladders(stats.ladders ?? {}),
  );
}

function turnLines(room, turn) {
  if (!turn) return [make("p", { class: "lead" }, "No turn yet.")];
  const name = room.personas.find((persona) => persona.id === turn.persona_id)?.name ?? "Nobody";
  const outcome = { done: "answered", silent: "kept silent", interrupted: "was interrupted", failed: "could not answer" };
  const lines = [`${name} ${outcome[turn.outcome] ?? turn.outcome}`];
  if (turn.voice_to_voice_ms !== null) lines.push(`${round(turn.voice_to_voice_ms)} ms voice to voice`);
  if (turn.prompt_tokens) lines.push(`${turn.processed_tokens} of ${turn.prompt_tokens} prompt tokens computed`);
  const bridges = Object.values(turn.bridge_calls ?? {}).reduce((sum, calls) => sum + calls, 0);
  if (bridges) lines.push(`${bridges} bridge calls`);
  return [make("p", { class: "lead" }, `${lines.join(", ")}.`), ...(turn.error ? [make("p", {}, turn.error)] : [])];
}

function stages(stats, turn) {
  const known = Object.keys(NAMES);
  const found = Object.keys(stats.stages ?? {}).sort((a, b) => known.indexOf(a) - known.indexOf(b));
  const rows = found.map((stage) => stageRow(stage, stats.stages[stage], turn));
  const head = make("thead", { class: "unseen" }, make("tr", {}, make("th", {}, "stage"), make("th", {}, "bar"), make("th", {}, "ms")));
  return make("table", { "aria-label": "Stages against their budgets" }, head, make("tbody", {}, ...rows));
}

/** Stages that come many times in a turn are summed in it, and a sum has no budget: these show the median. */
function stageRow(stage, row, turn) {
  const measured = OF_A_TURN.includes(stage) ? inTurn(stage, turn) : undefined;
  const ms = measured ?? row.p50;
  const bar = make("div", { class: `bar${ms > row.budget ? " over" : ""}${ms === undefined ? " none" : ""}` }, make("i"), make("span", { class: "budget" }));
  bar.style.setProperty("--share", share(ms, row.budget));
  if (row.p99 !== undefined) {
    const tail = make("span", { class: "tail" });
    tail.style.setProperty("--tail", share(row.p99, row.budget));
    bar.append(tail);
  }
  const said = `${ms === undefined ? "–" : round(ms)} / ${round(row.budget)}`;
  const title = row.count ? `p50 ${round(row.p50)}, p95 ${round(row.p95)}, p99 ${round(row.p99)}, max ${round(row.max)} ms; ${row.count} measured, ${row.missed} over` : "not measured yet";
  return make("tr", { title }, make("th", { scope: "row" }, NAMES[stage] ?? stage), make("td", {}, bar), make("td", { class: "number" }, said));
}

function inTurn(stage, turn) {
  if (!turn) return undefined;
  if (stage === "voice_to_voice") return turn.voice_to_voice_ms ?? undefined;
  return turn.stages_ms?.[stage] ?? turn.stages_ms?.[`front.${stage}`];
}

function tiles(stats) {
  const memory = stats.rss_mb ?? {};
  const parts = Object.entries(memory).filter(([name]) => name !== "total").map(([name, mb]) => `${name} ${round(mb)} MB`);
  const all = [
    tile(stats.hit_rate == null ? "–" : `${Math.round(100 * stats.hit_rate)} %`, "prefix hit rate"),
    tile(memory.total === undefined ? "–" : `${Math.round(memory.total).toLocaleString()} MB`, "memory", parts.join(", ")),
    tile(lag(stats.loop_lag_ms), "loop lag p99"),
  ];
  return make("div", { class: "tiles" }, ...all);
}

/** A number, or a distribution of which the tail counts. */
function lag(found) {
  const ms = typeof found === "object" && found !== null ? found.p99 : found;
  return ms == null ? "–" : `${round(ms)} ms`;
}

const tile = (value, name, title = null) => make("div", { class: "tile", title }, make("b", {}, value), make("span", {}, name));

function ladders(found) {
  const lines = Object.entries(found).map(([name, { rung, at, of }]) => {
    const pips = Array.from({ length: of }, (_, i) => make("i", { class: i === at ? `at${at ? " down" : ""}` : "" }));
    const dots = make("span", { class: "rungs", "aria-hidden": "true" }, ...pips);
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, dots, `${rung}`), make("td", { class: "number" }, at ? `${at} of ${of - 1} down` : "best"));
  });
  if (!lines.length) return [];
  return [make("h3", {}, "Quality"), make("table", { "aria-label": "Ladders of quality" }, make("tbody", {}, ...lines))];
}

function share(ms, budget) {
  return ms === undefined ? 0 : Math.min(1, (BUDGET_AT * ms) / budget).toFixed(3);
}

function round(ms) {
  return ms >= 100 ? Math.round(ms).toLocaleString() : String(Math.round(10 * ms) / 10);
}
