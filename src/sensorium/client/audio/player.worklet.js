// The loudspeaker's audio thread. Sound comes from the socket's Worker by a port of its own; the page only hears
// how loud it is. Decisions are in playback.js.

import { Playback } from "./playback.js";

const LEVELS_S = 1 / 30;

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.playback = new Playback(sampleRate);
    this.toldAt = 0;
    this.sounding = false;
    this.port.onmessage = ({ data }) => {
      if (data.socket) this.listen(data.socket);
      else if (data.persona_id) this.playback.setVolume(data.persona_id, data.volume);
    };
  }

  /** @param {MessagePort} socket to the Worker that owns the connection */
  listen(socket) {
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (data.frames) this.playback.push(data);
      else this.playback[data.call](data.turn_id);
    };
  }

  process(_inputs, outputs) {
    const [left, ...others] = outputs[0];
    this.playback.render(left);
    for (const channel of others) channel.set(left);
    for (const heard of this.playback.takeReports()) this.socket?.postMessage(heard);
    this.tellLevels();
    return true;
  }

  tellLevels() {
    if (currentTime - this.toldAt < LEVELS_S) return;
    this.toldAt = currentTime;
    const levels = this.playback.levels();
    // Silence is told once.
    if (levels.length || this.sounding) this.port.postMessage({ levels });
    this.sounding = levels.length > 0;
  }
}

registerProcessor("player", Player);
