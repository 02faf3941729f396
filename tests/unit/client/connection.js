// What can happen to the connection, with a socket and a clock of the test's own.

import { Connection } from "../../../src/sensorium/client/net/connection.js";
import { frame, unframe } from "../../../src/sensorium/client/net/framing.js";
import { equal, holds } from "./check.js";

/** A world where nothing happens by itself. */
class World {
  now = 1_000_000;
  sockets = [];
  timers = new Map();
  #number = 0;

  open = (url, protocols) => {
    const socket = { url, protocols, sent: [], bufferedAmount: 0, closed: false };
    socket.send = (message) => socket.sent.push(unframe(message.buffer).record);
    socket.close = () => (socket.closed = true);
    this.sockets.push(socket);
    return socket;
  };
  nowMs = () => this.now;
  chance = () => 1;
  after = (ms, run) => this.#timer(ms, run, false);
  every = (ms, run) => this.#timer(ms, run, true);
  forget = (timer) => this.timers.delete(timer);

  #timer(ms, run, again) {
    this.timers.set(++this.#number, { at: this.now + ms, ms, run, again });
    return this.#number;
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** Time passes, a second at a time; what is due runs. */
  pass(seconds) {
    for (let i = 0; i < seconds; i++) {
      this.now += 1000;
      for (const [id, timer] of [...this.timers]) {
        if (timer.at > this.now || !this.timers.has(id)) continue;
        if (timer.again) timer.at += timer.ms;
        else this.timers.delete(id);
        timer.run();
      }
    }
  }

  tell(record) {
    this.socket.onmessage({ data: frame(record).buffer });
  }
}

function connected(history = []) {
  const world = new World();
  const [phases, records] = [[], []];
  const tell = { phase: (phase) => phases.push(phase), record: (record) => records.push(record.type) };
  const connection = new Connection({ url: "ws://here/room", name: "Joe", session: "" }, tell, world);
  world.socket.onopen();
  world.tell({ type: "Welcome", session: "s1", history });
  return { world, connection, phases, records };
}

const welcomeBack = (world) => {
  world.socket.onopen();
  world.tell({ type: "Welcome", session: "s1", history: [] });
};

export const connection = () => ({
  "who comes in says who they are, and nothing before they are welcome": () => {
    const world = new World();
    const joining = new Connection({ url: "ws://here/room", name: "Joe", session: "s0" }, { phase() {}, record() {} }, world);
    world.socket.onopen();
    equal(joining.send({ type: "Stop", turn_id: 1 }), false);
    equal(world.socket.protocols, ["sensorium.1"]);
    equal(world.socket.sent.map(Object.entries), [
      [["type", "Join"], ["name", "Joe"], ["protocol", 1], ["session", "s0"], ["last_entry_id", 0]],
    ]);
  },
  "a connection that is lost is tried again with its session and what it has": () => {
    const { world, connection, phases } = connected([{ entry_id: 4 }]);
    world.tell({ type: "Message", entry_id: 9 });
    world.socket.onclose({ code: 1006, reason: "" });
    equal([phases.at(-1).phase, phases.at(-1).again_ms, connection.isOpen], ["lost", 250, false]);
    world.pass(1);
    welcomeBack(world);
    const { session, last_entry_id } = world.socket.sent[0];
    equal([session, last_entry_id, connection.isOpen, world.sockets.length], ["s1", 9, true, 2]);
  },
  "it is tried less and less often, and at once when somebody is in a hurry": () => {
    const { world, connection, phases } = connected();
    for (let n = 0; n < 7; n++) {
      world.socket.onclose({ code: 1006, reason: "" });
      connection.hurry();
    }
    equal(phases.filter((p) => p.phase === "lost").map((p) => p.again_ms), [250, 500, 1000, 2000, 4000, 8000, 8000]);
    equal(world.sockets.length, 8);
  },
  "the house that goes down says why, and is tried again": () => {
    const { world, phases } = connected();
    world.tell({ type: "Trouble", code: "down", message: "the room closes", remedy: "", fatal: true });
    world.socket.onclose({ code: 1012, reason: "" });
    equal([phases.at(-1).phase, phases.at(-1).reason], ["lost", "the room closes"]);
  },
  "who is refused is told why and does not come again": () => {
    const { world, phases } = connected();
    world.tell({ type: "Trouble", code: "full", message: "the room is full", remedy: "come back later", fatal: true });
    world.socket.onclose({ code: 1008, reason: "" });
    world.pass(600);
    equal(phases.at(-1), { phase: "refused", reason: "the room is full", remedy: "come back later" });
    equal([world.sockets.length, world.timers.size], [1, 0]);
  },
  "a server that speaks something else is left": () => {
    const { world, phases } = connected();
    const { socket } = world;
    socket.onmessage({ data: new Uint8Array([1, 2, 3]).buffer });
    equal([phases.at(-1).phase, socket.closed], ["refused", true]);
  },
  "a room that answers is kept, one that does not is given up": () => {
    const { world, phases } = connected();
    for (let n = 0; n < 10; n++) {
      world.pass(5);
      world.tell({ type: "Pong", at_ms: 0 });
    }
    equal(phases.at(-1).phase, "open");
    const first = world.socket;
    world.pass(20);
    holds(first.sent.filter((record) => record.type === "Ping").length >= 10, "it was asked");
    equal([first.closed, world.sockets.length > 1], [true, true]);
  },
  "after a sleep a new connection brings what was said meanwhile": () => {
    const { world, phases } = connected();
    world.pass(5);
    world.tell({ type: "Pong", at_ms: 0 });
    world.now += 3_600_000; // the lid was closed
    world.pass(6);
    holds(world.sockets.length > 1, "a new socket");
    welcomeBack(world);
    equal([phases.at(-1).phase, phases.at(-1).slept], ["open", true]);
  },
  "who leaves is gone": () => {
    const { world, connection } = connected();
    connection.close();
    world.pass(600);
    equal([world.sockets.length, world.socket.closed, world.timers.size], [1, true, 0]);
  },
});
