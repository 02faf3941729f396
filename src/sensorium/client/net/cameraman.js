// Pictures on their way to the room. While the network still has one to send, only the newest waits.

const LOOK_AGAIN_MS = 20;

export class Cameraman {
  /** @type {MessagePort | null} */ #camera = null;
  /** @type {{number: number, jpeg: ArrayBuffer} | null} */ #newest = null;
  #timer = 0;

  constructor(send, buffered) {
    this.send = send;
    this.buffered = buffered;
  }

  /** @param {MessagePort} port to the camera's Worker */
  takeFrom(port) {
    this.stop();
    this.#camera = port;
    port.onmessage = ({ data }) => {
      this.#newest = data;
      this.#pass();
    };
  }

  stop() {
    if (!this.#camera) return;
    this.#camera.close();
    this.#camera = this.#newest = null;
    this.send({ type: "CloseCamera" });
  }

  #pass() {
    clearTimeout(this.#timer);
    if (!this.#newest) return;
    if (this.buffered() > 0) {
      this.#timer = setTimeout(() => this.#pass(), LOOK_AGAIN_MS);
      return;
    }
    const { number, jpeg } = this.#newest;
    this.#newest = null;
    this.send({ type: "Frame", number }, new Uint8Array(jpeg));
  }
}
