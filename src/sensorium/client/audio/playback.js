// What a loudspeaker does with replies: buffers a little, plays, is silent when told, and knows what was heard.
// Every start and stop is a ramp of 5 ms, so that nothing clicks. Pure: time is the number of frames rendered.

import { Jitter } from "./jitter.js";

const RAMP_S = 0.005;
const REPORT_S = 0.1;
const LEVEL_FALL = 0.98; // in a block of 128 frames: half in 0.1 s
const MAX_KEPT_IDS = 256;

/** One turn's sound. Frames are of the loudspeaker's rate, samples of the reply's. */
class Voice {
  constructor(turnId, personaId, firstSample, now) {
    this.turnId = turnId;
    this.personaId = personaId;
    this.firstSample = firstSample;
    this.samplesGiven = 0;
    this.samplesPerFrame = 1;
    this.pieces = /** @type {Float32Array[]} */ ([]);
    this.offset = 0;
    this.framesLeft = 0;
    this.framesPlayed = 0;
    this.gain = 0;
    this.volume = null; // of the persona, as it was played last
    this.level = 0;
    this.since = now; // when it began to wait for sound
    this.waiting = true;
    this.starved = false;
    this.held = false;
    this.cleared = false;
    this.ended = false;
    this.reported = -1;
    this.reportedAt = 0;
  }

  get heard() {
    const samples = Math.floor(this.framesPlayed * this.samplesPerFrame);
    return this.firstSample + Math.min(this.samplesGiven, samples);
  }
}

export class Playback {
  #rate;
  #ramp;
  #now = 0;
  #voices = /** @type {Map<number, Voice>} */ (new Map());
  #gone = /** @type {number[]} */ ([]); // turns whose late sound is dropped
  #held = /** @type {Set<number>} */ (new Set()); // held before their first sound came
  #volumes = /** @type {Map<string, number>} */ (new Map());
  #reports = /** @type {{turn_id: number, samples: number}[]} */ ([]);

  /** @param {number} rateHz of the loudspeaker */
  constructor(rateHz) {
    this.#rate = rateHz;
    this.#ramp = 1 / Math.round(RAMP_S * rateHz);
    this.jitter = new Jitter();
  }

  /**
   * The next sound of a turn.
   * @param {{turn_id: number, persona_id: string, first_sample: number, samples: number, rate: number,
   *   frames: Float32Array}} piece `samples` of the reply at `rate`, from `first_sample` on, as `frames` of our rate
   */
  push(piece) {
    if (this.#gone.includes(piece.turn_id)) return;
    let voice = this.#voices.get(piece.turn_id);
    if (!voice) {
      voice = new Voice(piece.turn_id, piece.persona_id, piece.first_sample, this.#now);
      voice.samplesPerFrame = piece.rate / this.#rate;
      voice.held = this.#held.delete(piece.turn_id);
      this.#voices.set(piece.turn_id, voice);
    }
    if (voice.starved && piece.frames.length) {
      this.jitter.late((1000 * (this.#now - voice.since)) / this.#rate);
      voice.starved = false;
    }
    // A gap in what was sent is not played, and what lies behind it is heard where it stands.
    voice.firstSample += Math.max(0, piece.first_sample - voice.firstSample - voice.samplesGiven);
    voice.samplesGiven += piece.samples;
    if (!piece.frames.length) return;
    voice.pieces.push(piece.frames);
    voice.framesLeft += piece.frames.length;
  }

  /** @param {number} turnId to be silent, but kept */
  hold(turnId) {
    const voice = this.#voices.get(turnId);
    if (voice) voice.held = true;
    else this.#held.add(turnId);
  }

  /** @param {number} turnId goes on where it was held */
  resume(turnId) {
    const voice = this.#voices.get(turnId);
    if (voice) voice.held = false;
    this.#held.delete(turnId);
  }

  /** @param {number} turnId to be forgotten; its last report follows when it is silent */
  clear(turnId) {
    this.#held.delete(turnId);
    this.#gone.push(turnId);
    if (this.#gone.length > MAX_KEPT_IDS) this.#gone.shift();
    const voice = this.#voices.get(turnId);
    if (voice) voice.cleared = true;
    else this.#reports.push({ turn_id: turnId, samples: 0 });
  }

  /** @param {number} turnId no more sound will come of it */
  end(turnId) {
    this.#held.delete(turnId);
    const voice = this.#voices.get(turnId);
    if (voice) voice.ended = true;
  }

  /** The connection is gone: what is here is played to its end. */
  endAll() {
    for (const voice of this.#voices.values()) [voice.ended, voice.held] = [true, false];
    this.#held.clear();
  }

  /**
   * @param {string} personaId
   * @param {number} volume from 0 to 1
   */
  setVolume(personaId, volume) {
    this.#volumes.set(personaId, volume);
  }

  /** @param {Float32Array} out filled with the next frames of everybody who speaks */
  render(out) {
    out.fill(0);
    for (const voice of this.#voices.values()) {
      this.#play(voice, out);
      this.#report(voice);
    }
    this.#now += out.length;
  }

  /** @returns {{turn_id: number, samples: number}[]} what was heard, since the last call */
  takeReports() {
    return this.#reports.splice(0);
  }

  /** @returns {{persona_id: string, turn_id: number, level: number}[]} root mean square of what sounds now */
  levels() {
    const sounding = [...this.#voices.values()].filter((voice) => voice.gain > 0);
    return sounding.map((v) => ({ persona_id: v.personaId, turn_id: v.turnId, level: v.level }));
  }

  #play(voice, out) {
    if (voice.waiting && this.#enough(voice)) voice.waiting = false;
    const wanted = this.#volumes.get(voice.personaId) ?? 1;
    voice.volume ??= wanted;
    const towards = (wanted - voice.volume) / out.length;
    const silent = voice.held || voice.cleared;
    const before = voice.framesPlayed;
    let sum = 0;
    for (let i = 0; i < out.length; i++) {
      // What is left when more must come is faded out, or its end would click.
      const runsDry = !voice.ended && voice.framesLeft * this.#ramp <= voice.gain;
      const up = !silent && !voice.waiting && !runsDry;
      voice.gain = Math.max(0, Math.min(1, voice.gain + (up ? this.#ramp : -this.#ramp)));
      voice.volume += towards;
      if (voice.gain === 0 || voice.framesLeft === 0) break;
      const sample = next(voice) * voice.gain;
      sum += sample * sample;
      out[i] += sample * voice.volume;
    }
    // Falls slower than it rises, so that who looks now and then sees more than one block.
    voice.level = Math.max(Math.sqrt(sum / out.length), voice.level * LEVEL_FALL);
    if (voice.framesLeft === 0) voice.gain = 0;
    const played = voice.framesPlayed - before;
    if (played) this.jitter.played(played / this.#rate);
    else if (!voice.waiting && !silent && !voice.ended) this.#starve(voice, out.length);
  }

  #starve(voice, numFrames) {
    [voice.waiting, voice.starved, voice.since] = [true, true, this.#now + numFrames];
  }

  #enough(voice) {
    const patience = (this.jitter.targetMs / 1000) * this.#rate;
    if (voice.ended || voice.framesLeft >= patience) return true;
    return voice.framesLeft > 0 && this.#now - voice.since >= patience;
  }

  #report(voice) {
    const silent = voice.gain === 0;
    const over = silent && (voice.cleared || (voice.ended && !voice.held && voice.framesLeft === 0));
    const due = this.#now - voice.reportedAt >= REPORT_S * this.#rate || (silent && voice.held);
    if (over || (due && voice.heard !== voice.reported)) {
      this.#reports.push({ turn_id: voice.turnId, samples: voice.heard });
      [voice.reported, voice.reportedAt] = [voice.heard, this.#now];
    }
    if (over) this.#voices.delete(voice.turnId);
  }
}

function next(voice) {
  const sample = voice.pieces[0][voice.offset++];
  if (voice.offset === voice.pieces[0].length) {
    voice.pieces.shift();
    voice.offset = 0;
  }
  voice.framesLeft--;
  voice.framesPlayed++;
  return sample;
}
