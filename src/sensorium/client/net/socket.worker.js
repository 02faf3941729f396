// The Worker that owns the connection. Sound and pictures go through here and never through the page: from the
// microphone's ring and the camera's Worker to the room, and from the room to the loudspeaker's audio thread.

import { Cameraman } from "./cameraman.js";
import { Connection } from "./connection.js";
import { Outbox } from "./outbox.js";
import { Replies } from "./replies.js";
import { Talk } from "./talk.js";
import { encode } from "./msgpack.js";

const outbox = new Outbox();
/** @type {Connection | null} */ let connection = null;
let me = "";
let watching = false;

const send = (record, payload) => connection?.send(record, payload) ?? false;
const buffered = () => connection?.bufferedBytes ?? 0;
const talk = new Talk(send, buffered);
const cameraman = new Cameraman(send, buffered);
const replies = new Replies((turn_id, samples) => send({ type: "Heard", turn_id, samples }));

/** What the page may ask for, by `do`. */
const asked = {
  join({ url, name, session }) {
    connection?.close();
    connection = new Connection({ url, name, session }, { phase: changed, record: took });
  },
  leave() {
    connection?.close();
    connection = null;
    replies.endAll();
    tellWaiting();
  },
  say({ text, to }) {
    if (!outbox.add(text, to)) return postMessage({ is: "overfull", text });
    sendDue();
  },
  stop: ({ turn_id }) => send({ type: "Stop", turn_id }),
  touches({ events }) {
    send({ type: "Touches" }, encode(events.map((event) => ({ type: "Touched", ...event }))));
  },
  watch({ on }) {
    watching = on;
    send({ type: "Watch", on });
  },
  player: ({ port, rate }) => replies.playTo(port, rate),
  microphone: ({ ring, rate }) => talk.listenTo(ring, rate),
  no_microphone: () => talk.listenTo(null, 0),
  talk: ({ on, push_to_talk }) => talk.set(on, push_to_talk),
  camera: ({ port }) => cameraman.takeFrom(port),
  no_camera: () => cameraman.stop(),
  hurry: () => connection?.hurry(),
};

onmessage = ({ data }) => asked[data.do](data);

function changed(phase) {
  if (phase.phase !== "open") replies.endAll();
  postMessage({ is: "connection", ...phase });
}

function took(record, payload) {
  if (record.type === "Audio") return replies.take(record, payload);
  replies.notice(record);
  if (record.type === "Welcome") welcomed(record);
  if (record.type === "Message" && record.speaker_id === me && outbox.shown(record.text)) tellWaiting();
  if (record.type === "Trouble" && record.code === "bad_input" && !record.fatal) refused();
  postMessage({ is: "record", record });
}

function welcomed(record) {
  me = record.you.id;
  outbox.reconnected(record.history.filter((m) => m.speaker_id === me).map((m) => m.text));
  sendDue();
  talk.reopened();
  if (watching) send({ type: "Watch", on: true });
}

function sendDue() {
  if (connection?.isOpen) for (const { text, to, number } of outbox.due()) send({ type: "Say", text, to, number });
  tellWaiting();
}

function refused() {
  const text = outbox.refused();
  if (text !== null) postMessage({ is: "unsaid", text });
  tellWaiting();
}

function tellWaiting() {
  postMessage({ is: "waiting", says: outbox.waiting() });
}
