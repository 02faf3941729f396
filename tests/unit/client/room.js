// What the page knows of the room, what waits to be said, and when to try again.

import { delayMs } from "../../../src/sensorium/client/net/backoff.js";
import { Outbox } from "../../../src/sensorium/client/net/outbox.js";
import { fitted } from "../../../src/sensorium/client/camera/sizes.js";
import { activity, kept, nowhere, rest, take, told } from "../../../src/sensorium/client/room.js";
import { off, toolLine } from "../../../src/sensorium/client/words.js";
import { equal, holds } from "./check.js";

const message = (entry_id, more = {}) => ({
  type: "Message", entry_id, kind: "person", speaker_id: "p", speaker_name: "Joe", text: "hi", turn_id: 0, at_s: 0, ...more,
});

function after(...records) {
  const room = nowhere();
  const welcome = {
    type: "Welcome", you: { id: "p", name: "Joe" }, session: "s", room: { id: "r", name: "R" }, people: [], camera: true,
    personas: [{ id: "maya", name: "Maya", description: "bakes" }, { id: "hugo", name: "Hugo", description: "" }],
    history: [message(1)], protocol: 1,
    recipe: { name: "default", about: "", hearing: true, vision: true, touch: true },
  };
  for (const record of [welcome, ...records]) take(room, record, 0);
  return room;
}

const began = { type: "TurnBegan", turn_id: 7, persona_id: "maya", why: "named", person_id: "p" };
const wrote = { type: "Writing", turn_id: 7, persona_id: "maya", text: "I like apples, and pears." };
const ended = (outcome, said) => ({ type: "TurnEnded", turn_id: 7, persona_id: "maya", outcome, said });
const does = (room, id = "maya", sounds = false) => activity(room, id, sounds, 0).does;

export const room = () => ({
  "a turn from thinking to its end": () => {
    equal(does(after()), "is here");
    equal(does(after(began)), "thinks");
    equal(does(after(began), "hugo"), "is here");
    equal(does(after(began, wrote), "maya", true), "speaks");
    equal(does(after(began, wrote, { type: "Held", turn_id: 7 }), "maya", true), "waits");
    equal(does(after(began, wrote, ended("done", "I like apples, and pears."))), "is here");
  },
  "what nobody heard of an interrupted reply is told, whichever comes first": () => {
    const heard = message(2, { kind: "persona", speaker_id: "maya", text: "i like apples", turn_id: 7 });
    for (const order of [[heard, ended("interrupted", "i like apples")], [ended("interrupted", "i like apples"), heard]]) {
      equal(after(began, wrote, ...order).entries.at(-1).unheard, "and pears.");
    }
    equal(after(began, wrote, heard, ended("done", "i like apples")).entries.at(-1).unheard, undefined);
  },
  "what the room is played by, and what that has off": () => {
    const recipe = { name: "night", about: "", hearing: false, vision: true, touch: false };
    equal(off(after().recipe), []);
    equal(after({ type: "RecipeChanged", recipe }).recipe.name, "night");
    equal(off(after({ type: "RecipeChanged", recipe }).recipe), ["hearing off", "touch off"]);
  },
  "the rest of a reply, whatever case and signs do": () => {
    equal(rest("Well — I like it, very much!", "well i like it"), "very much!");
    equal(rest("I like it.", ""), "I like it.");
    equal(rest("I like it.", "i like it"), "");
    equal(rest("Yes, yes", "no"), "Yes, yes");
  },
  "a tool's call stands behind what was said before it, and says what became of it": () => {
    const call = { type: "ToolCalled", call_id: 3, turn_id: 7, persona_id: "maya", tool: "timer", arguments: '{"seconds":120}' };
    const ended = { type: "ToolEnded", call_id: 3, outcome: "failed", text: "timer: it broke" };
    const room = after(message(4), call, message(6), { ...ended, call_id: 9 });
    equal(kept(room).map((line) => line.call_id ?? line.entry_id).join(" "), "1 4 3 6");
    equal(room.calls.get(3).outcome, "");
    take(room, ended, 0);
    equal(`${room.calls.get(3).outcome} ${room.calls.get(3).text}`, "failed timer: it broke");
    equal(toolLine("Maya", room.calls.get(3)), "Maya uses timer: seconds 120");
    equal(toolLine("Maya", { tool: "notes", arguments: "{}" }), "Maya uses notes");
    equal(toolLine("Maya", { tool: "x", arguments: "{" }), "Maya uses x: {");
    take(room, { ...welcomeOf(room), history: [] }, 0);
    equal(room.calls.size, 0);
  },
  "no more calls are kept than a person would scroll through": () => {
    const calls = Array.from({ length: 120 }, (_, i) => ({ type: "ToolCalled", call_id: i, persona_id: "maya", tool: "t", arguments: "{}" }));
    const room = after(...calls);
    equal(room.calls.size, 100);
    holds(!room.calls.has(19) && room.calls.has(20));
  },
  "a reply is on the page until its message is": () => {
    const over = after(began, wrote, ended("done", "I like apples, and pears."));
    equal(told(over).length, 1);
    take(over, message(2, { kind: "persona", speaker_id: "maya", turn_id: 7 }), 0);
    equal(told(over).length, 0);
    equal(told(after(began, ended("silent", ""))).length, 0);
  },
  "a new connection adds only what is new, in order, and forgets what ran": () => {
    const room = after(began, message(4), { type: "Hearing", person_id: "x", text: "so" });
    take(room, { ...welcomeOf(room), history: [message(3), message(4), message(5)] }, 0);
    equal(room.entries.map((entry) => entry.entry_id), [1, 3, 4, 5]);
    equal([room.turns.size, room.hearing.size], [0, 0]);
  },
  "somebody is heard until it was nothing, or is a message": () => {
    const speaks = { type: "Listening", person_id: "p", speaking: true, at_ms: 0 };
    const words = { type: "Hearing", person_id: "p", text: "hello" };
    equal(does(after(speaks)), "listens");
    equal(does(after(speaks, words, { ...speaks, speaking: false })), "listens");
    equal(does(after(speaks, words, { ...speaks, speaking: false }, { ...words, text: "" })), "is here");
    equal(after(speaks, words, message(2)).hearing.size, 0);
  },
  "they see for some seconds after they looked": () => {
    const room = after({ type: "Looked", person_id: "p", number: 3 });
    equal([activity(room, "maya", false, 3000).sees, activity(room, "maya", false, 5000).sees], [true, false]);
  },
  "records that nobody knows change nothing": () => {
    const room = after({ type: "Future", what: 1 }, { type: "Spoke", turn_id: 99, text: "x", until_sample: 1 });
    equal(room.turns.size, 0);
  },
  "what was written is sent once, and again only when it never arrived": () => {
    const outbox = new Outbox();
    outbox.add(" one ", "");
    outbox.add("two", "maya");
    equal(outbox.due().map((say) => say.text), ["one", "two"]);
    equal(outbox.due(), []);
    outbox.shown("one");
    outbox.reconnected([]);
    equal(outbox.due().map((say) => [say.text, say.to]), [["two", "maya"]]);
    outbox.reconnected(["two"]);
    equal(outbox.due(), []);
    equal(outbox.waiting(), []);
  },
  "numbers grow, with the clock and without": () => {
    let now = 1000;
    const outbox = new Outbox(() => now);
    for (const text of ["one", "two"]) outbox.add(text, "");
    now = 500; // the clock was set back
    outbox.add("three", "");
    equal(outbox.due().map((say) => say.number), [1000, 1001, 1002]);
  },
  "somebody else's same words are not ours, nor are ours before they were sent": () => {
    const outbox = new Outbox();
    outbox.add("yes", "");
    outbox.reconnected(["yes"]);
    equal(outbox.due().length, 1);
    outbox.add("yes", "");
    equal(outbox.due().length, 1);
    outbox.shown("yes");
    equal(outbox.waiting().length, 1);
  },
  "what was refused comes back to be put right": () => {
    const outbox = new Outbox();
    outbox.add("too long", "");
    equal(outbox.refused(), null);
    outbox.due();
    equal(outbox.refused(), "too long");
    equal(outbox.waiting(), []);
  },
  "too much that waits is not taken": () => {
    const outbox = new Outbox();
    const taken = Array.from({ length: 40 }, () => outbox.add("x", ""));
    equal(taken.filter(Boolean).length, 32);
  },
  "it is tried again sooner at first, and never all at once": () => {
    equal([delayMs(0, 0), delayMs(0, 1), delayMs(3, 1), delayMs(1000, 1)], [125, 250, 2000, 8000]);
    holds(delayMs(5, 0.1) !== delayMs(5, 0.9), "chance counts");
  },
  "a picture keeps its shape": () => {
    equal(fitted(1920, 1080, 1280), [1280, 720]);
    equal(fitted(640, 480, 1280), [640, 480]);
    equal(fitted(1, 9000, 1280), [1, 1280]);
  },
});

function welcomeOf(room) {
  return { type: "Welcome", you: room.you, session: "s", room: room.room, people: [], camera: true, personas: room.personas, protocol: 1 };
}
