// The ring, the resampler and the loudspeaker, by numbers alone.

import { Jitter } from "../../../src/sensorium/client/audio/jitter.js";
import { Playback } from "../../../src/sensorium/client/audio/playback.js";
import { Resampler } from "../../../src/sensorium/client/audio/resampler.js";
import { Ring } from "../../../src/sensorium/client/audio/ring.js";
import { equal, holds, near } from "./check.js";

const RATE = 48_000;
const sine = (hz, rate, num) => Float32Array.from({ length: num }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate));

function joined(pieces) {
  const out = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

function resampled(input, from, to, pieceLength) {
  const resampler = new Resampler(from, to);
  const pieces = [];
  for (let at = 0; at < input.length; at += pieceLength) pieces.push(resampler.feed(input.slice(at, at + pieceLength)));
  return joined([...pieces, resampler.flush()]);
}

/** Ratio in dB of a sine to all that is not that sine. */
function purity(sound, hz, rate) {
  const middle = sound.slice(400, sound.length - 400);
  let [a, b] = [0, 0];
  middle.forEach((x, i) => {
    a += (2 / middle.length) * x * Math.sin((2 * Math.PI * hz * i) / rate);
    b += (2 / middle.length) * x * Math.cos((2 * Math.PI * hz * i) / rate);
  });
  let noise = 0;
  middle.forEach((x, i) => {
    const angle = (2 * Math.PI * hz * i) / rate;
    noise += (x - a * Math.sin(angle) - b * Math.cos(angle)) ** 2;
  });
  return 10 * Math.log10(((a * a + b * b) / 2) * (middle.length / noise));
}

/** Plays `seconds` in blocks of 128 frames. */
function played(playback, seconds) {
  const blocks = Array.from({ length: Math.round((seconds * RATE) / 128) }, () => {
    const block = new Float32Array(128);
    playback.render(block);
    return block;
  });
  return joined(blocks);
}

const loudest = (sound) => sound.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
const steepest = (sound) => sound.reduce((max, x, i) => Math.max(max, Math.abs(x - (sound[i - 1] ?? 0))), 0);

function piece(first, num, { turn = 1, value = 0.5 } = {}) {
  const frames = new Float32Array(3 * num).fill(value);
  return { turn_id: turn, persona_id: "maya", first_sample: first, samples: num, rate: RATE / 3, frames };
}

export const sound = () => ({
  "a ring gives what was put in, across its end and past 2^32": () => {
    const ring = new Ring(Ring.memory(16));
    ring.head[0] = ring.head[1] = -5; // just before the positions overflow
    for (let n = 0; n < 10; n++) {
      holds(ring.write(Int16Array.of(n, n + 1, n + 2)), "there is room");
      equal(ring.read(), Int16Array.of(n, n + 1, n + 2));
    }
  },
  "a full ring takes nothing more and counts it": () => {
    const ring = new Ring(Ring.memory(8));
    equal([ring.write(new Int16Array(6)), ring.write(new Int16Array(3)), ring.dropped], [true, false, 3]);
    equal(ring.read().length, 6);
  },
  "a sine stays a sine at every rate, wherever the pieces are cut": () => {
    for (const [from, to] of [[16_000, 48_000], [16_000, 44_100], [24_000, 44_100], [48_000, 44_100], [22_050, 48_000]]) {
      const input = sine(1000, from, from / 2);
      const whole = resampled(input, from, to, input.length);
      near(whole.length, to / 2, 40, `${from} to ${to}`);
      holds(purity(whole, 1000, to) > 70, `${from} to ${to}: ${purity(whole, 1000, to)} dB`);
      for (const cut of [1, 7, 320]) {
        const cutUp = resampled(input, from, to, cut);
        near(cutUp.length, whole.length, 1);
        near(loudest(cutUp.map((x, i) => x - (whole[i] ?? x))), 0, 1e-5, `${from} to ${to} by ${cut}`);
      }
    }
  },
  "what a lower rate cannot hold is taken out": () => {
    const alias = resampled(sine(20_000, 48_000, 24_000), 48_000, 16_000, 480).slice(200, -200);
    holds(loudest(alias) < 0.001, `${loudest(alias)} is left`);
  },
  "a reply waits for a little sound, then all of it is heard": () => {
    const playback = new Playback(RATE);
    playback.push(piece(0, 320)); // 20 ms
    equal(loudest(played(playback, 0.02)), 0);
    playback.push(piece(320, 3200));
    playback.end(1);
    const sound = played(playback, 0.4);
    near(loudest(sound), 0.5, 1e-6);
    equal(playback.takeReports().at(-1), { turn_id: 1, samples: 3520 });
    equal(playback.levels(), []);
  },
  "nothing clicks: not at begin, hold, resume, clear or a gap": () => {
    const playback = new Playback(RATE);
    const sounds = [];
    playback.push(piece(0, 4800));
    sounds.push(played(playback, 0.15));
    playback.hold(1);
    sounds.push(played(playback, 0.05));
    playback.resume(1);
    sounds.push(played(playback, 0.5)); // runs dry in it
    playback.push(piece(4800, 4800));
    sounds.push(played(playback, 0.2));
    playback.clear(1);
    sounds.push(played(playback, 0.05));
    near(steepest(joined(sounds)), 0, 0.5 / 200, "a step");
  },
  "held is silent and keeps its place": () => {
    const playback = new Playback(RATE);
    playback.push(piece(0, 16_000));
    played(playback, 0.3);
    playback.hold(1);
    played(playback, 0.02);
    const before = playback.takeReports().at(-1).samples;
    equal(loudest(played(playback, 1)), 0);
    equal(playback.takeReports(), []);
    playback.resume(1);
    holds(loudest(played(playback, 0.3)) > 0.4, "it goes on");
    near(playback.takeReports().at(-1).samples, before + 0.3 * 16_000, 0.11 * 16_000);
  },
  "what is held before its first sound stays silent": () => {
    const playback = new Playback(RATE);
    playback.hold(1);
    playback.push(piece(0, 16_000));
    equal(loudest(played(playback, 0.5)), 0);
  },
  "cleared is silent within 5 ms, says what was heard, and takes no more": () => {
    const playback = new Playback(RATE);
    playback.push(piece(0, 16_000));
    played(playback, 0.5);
    playback.takeReports();
    playback.clear(1);
    const sound = played(playback, 0.1);
    equal(loudest(sound.slice(0.006 * RATE)), 0);
    const reports = playback.takeReports();
    equal(reports.length, 1);
    near(reports[0].samples, 0.505 * 16_000, 0.006 * 16_000);
    playback.push(piece(16_000, 16_000));
    equal(loudest(played(playback, 0.5)), 0);
  },
  "never more is heard than was sent, and a gap in it is not heard": () => {
    const playback = new Playback(RATE);
    playback.push(piece(8000, 1600)); // somebody who came in the middle
    playback.push(piece(16_000, 1600));
    playback.end(1);
    played(playback, 1);
    equal(playback.takeReports().at(-1).samples, 17_600);
  },
  "two speak at once, each as loud as was asked for": () => {
    const playback = new Playback(RATE);
    playback.setVolume("maya", 0.5);
    playback.push(piece(0, 8000));
    playback.push({ ...piece(0, 8000, { turn: 2, value: 0.25 }), persona_id: "hugo" });
    near(loudest(played(playback, 0.3)), 0.5, 1e-6);
    equal(playback.levels().map((found) => found.persona_id), ["maya", "hugo"]);
  },
  "the connection is gone: what is there is heard to its end": () => {
    const playback = new Playback(RATE);
    playback.push(piece(0, 320));
    playback.hold(1);
    playback.endAll();
    holds(loudest(played(playback, 0.1)) > 0.4, "it sounds");
    equal(playback.levels(), []);
  },
  "gaps make the wait longer, calm makes it shorter": () => {
    const jitter = new Jitter();
    const first = jitter.targetMs;
    jitter.late(100);
    near(jitter.targetMs, first + 100, 1e-9);
    for (let n = 0; n < 50; n++) jitter.late(100);
    equal(jitter.targetMs, 400);
    for (let n = 0; n < 1000; n++) jitter.played(1);
    equal(jitter.targetMs, 40);
  },
  "sound that comes late is waited for longer the next time": () => {
    const playback = new Playback(RATE);
    playback.push(piece(0, 1600));
    played(playback, 0.4);
    const before = playback.jitter.targetMs;
    playback.push(piece(1600, 1600));
    holds(playback.jitter.targetMs > before, "longer");
  },
});
