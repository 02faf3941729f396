// The camera or the screen, as far as the page has to do with it: permission, and handing the pictures over to the
// Worker. The page itself never has a pixel in its hands.

const EVERY_MS = 100;
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 15, max: 30 } };

export class Camera {
  #worker = new Worker(new URL("./camera.worker.js", import.meta.url), { type: "module" });
  /** @type {MediaStream | null} */ #stream = null;
  #timer = 0;

  /**
   * @param {Worker} socket the Worker that owns the connection
   * @param {(kind: "" | "camera" | "screen") => void} changed
   * @param {(number: number) => void} shown the preview shows this frame
   */
  constructor(socket, changed, shown) {
    this.socket = socket;
    this.changed = changed;
    this.#worker.onmessage = ({ data }) => shown(data.shown);
  }

  /** @param {HTMLCanvasElement} canvas where what the personas looked at is shown; replaced by one like it */
  previewOn(canvas) {
    // A canvas can be handed over only once, and a person may come and go.
    const fresh = canvas.cloneNode();
    canvas.replaceWith(fresh);
    const offscreen = fresh.transferControlToOffscreen();
    this.#worker.postMessage({ do: "preview", canvas: offscreen }, [offscreen]);
  }

  /** @param {number} number of the frame that the personas looked at */
  looked(number) {
    this.#worker.postMessage({ do: "looked", number });
  }

  /**
   * @param {"camera" | "screen"} kind
   * @param {string} [deviceId]
   * @throws {DOMException} as the browser does, when the person or the machine refuses
   */
  async start(kind, deviceId) {
    const stream = await (kind === "screen"
      ? navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false })
      : navigator.mediaDevices.getUserMedia({
          video: { ...CAMERA, ...(deviceId ? { deviceId: { ideal: deviceId } } : {}) },
        }));
    this.stop();
    this.#stream = stream;
    const [track] = stream.getVideoTracks();
    track.onended = () => this.stop();
    const { port1, port2 } = new MessageChannel();
    this.socket.postMessage({ do: "camera", port: port1 }, [port1]);
    this.#worker.postMessage({ do: "socket", port: port2 }, [port2]);
    this.#handOver(track);
    this.changed(kind);
  }

  stop() {
    if (!this.#stream) return;
    clearTimeout(this.#timer);
    this.#worker.postMessage({ do: "stop" });
    for (const track of this.#stream.getTracks()) track.stop();
    this.#stream = null;
    this.socket.postMessage({ do: "no_camera" });
    this.changed("");
  }

  close() {
    this.stop();
    this.#worker.terminate();
  }

  #handOver(track) {
    if (self.MediaStreamTrackProcessor) {
      const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 });
      this.#worker.postMessage({ do: "frames", readable }, [readable]);
      return;
    }
    try {
      // Safari: the track itself goes to the Worker.
      const copy = track.clone();
      this.#worker.postMessage({ do: "track", track: copy }, [copy]);
    } catch {
      this.#grab(track);
    }
  }

  /** Older browsers: pictures as handles, one after the other; their pixels are read in the Worker. */
  async #grab(track) {
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    video.srcObject = this.#stream;
    await video.play();
    const capture = self.ImageCapture && new ImageCapture(track);
    const once = async () => {
      if (track.readyState !== "live") return;
      // A frame that cannot be had just now is the next one's turn.
      const bitmap = await (capture ? capture.grabFrame() : createImageBitmap(video)).catch(() => null);
      if (bitmap) this.#worker.postMessage({ do: "picture", bitmap }, [bitmap]);
      this.#timer = setTimeout(once, EVERY_MS);
    };
    once();
  }
}
