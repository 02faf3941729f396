// The room's sound on its way to the loudspeaker: PCM of any rate becomes frames of the loudspeaker's rate, in the
// Worker, and what happens to a turn is passed on in the same order.

import { Resampler } from "../audio/resampler.js";

const CALLS = { Held: "hold", Resumed: "resume", Cleared: "clear", TurnEnded: "end" };

export class Replies {
  /** @type {MessagePort | null} */ #player = null;
  #rate = 0;
  /** By turn. @type {Map<number, {resampler: Resampler, personaId: string, due: number}>} */ #turns = new Map();

  /** @param {(turnId: number, samples: number) => void} heard */
  constructor(heard) {
    this.heard = heard;
  }

  /**
   * @param {MessagePort} port to the loudspeaker's audio thread
   * @param {number} rateHz its rate
   */
  playTo(port, rateHz) {
    this.#player = port;
    this.#rate = rateHz;
    port.onmessage = ({ data }) => this.heard(data.turn_id, data.samples);
  }

  /** An `Audio` record and its PCM, mono s16le. */
  take({ turn_id, persona_id, sample_rate_hz, first_sample }, payload) {
    if (!this.#player || sample_rate_hz < 8000 || sample_rate_hz > 192_000) return;
    let turn = this.#turns.get(turn_id);
    if (!turn || turn.resampler.fromHz !== sample_rate_hz) {
      turn = { resampler: new Resampler(sample_rate_hz, this.#rate), personaId: persona_id, due: first_sample };
      this.#turns.set(turn_id, turn);
    }
    const doubled = Math.max(0, turn.due - first_sample); // sent again after a new connection
    const pcm = floats(payload).subarray(doubled);
    turn.due = Math.max(turn.due, first_sample + doubled + pcm.length);
    this.#pass(turn_id, turn, first_sample + doubled, pcm.length, turn.resampler.feed(pcm));
  }

  /** Any other record of the room. */
  notice({ type, turn_id }) {
    if (!(type in CALLS)) return;
    const turn = this.#turns.get(turn_id);
    if (type === "TurnEnded" && turn) this.#flush(turn_id, turn);
    if (type === "TurnEnded" || type === "Cleared") this.#turns.delete(turn_id);
    this.#player?.postMessage({ call: CALLS[type], turn_id });
  }

  /** The connection is gone: nobody will say how these turns end. */
  endAll() {
    for (const [turnId, turn] of this.#turns) this.#flush(turnId, turn);
    this.#turns.clear();
    this.#player?.postMessage({ call: "endAll" });
  }

  #flush(turnId, turn) {
    this.#pass(turnId, turn, turn.due, 0, turn.resampler.flush());
  }

  #pass(turn_id, turn, first_sample, samples, frames) {
    const piece = { turn_id, persona_id: turn.personaId, first_sample, samples, rate: turn.resampler.fromHz, frames };
    // A copy where it is a view: only whole buffers can be handed over.
    if (frames.byteLength !== frames.buffer.byteLength) piece.frames = frames.slice();
    this.#player.postMessage(piece, [piece.frames.buffer]);
  }
}

function floats(payload) {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength & ~1);
  const out = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < out.length; i++) out[i] = view.getInt16(2 * i, true) / 32768;
  return out;
}
