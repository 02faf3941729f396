// Pictures become JPEG here: at most ten a second, the newest wins. Keeps the last few, because what the personas
// looked at is shown from here, on a canvas that the page handed over and never draws on.

import { fitted } from "./sizes.js";

const EVERY_MS = 100;
const LONGEST_PX = 1280;
const QUALITY = 0.8;
const KEPT = 48;

/** @type {MessagePort | null} */ let socket = null;
/** @type {OffscreenCanvas | null} */ let preview = null;
/** @type {ReadableStreamDefaultReader | null} */ let reader = null;
const canvas = new OffscreenCanvas(1, 1);
/** By number, oldest first. @type {Map<number, Blob>} */ const kept = new Map();
let number = 0;
let busy = false;
let takenAt = -Infinity;

const asked = {
  preview: ({ canvas }) => (preview = canvas),
  socket: ({ port }) => (socket = port),
  frames: ({ readable }) => readAll(readable),
  track: ({ track }) => readAll(new MediaStreamTrackProcessor({ track }).readable),
  picture: ({ bitmap }) => take(bitmap, bitmap.width, bitmap.height),
  looked: ({ number }) => show(number),
  stop,
};

onmessage = ({ data }) => asked[data.do](data);

async function readAll(readable) {
  stop();
  const mine = (reader = readable.getReader());
  for (;;) {
    const { done, value } = await mine.read();
    if (done || mine !== reader) {
      value?.close();
      return;
    }
    await take(value, value.displayWidth, value.displayHeight);
  }
}

/** Owns `picture` and closes it. */
async function take(picture, width, height) {
  const now = performance.now();
  if (busy || !socket || now - takenAt < EVERY_MS) return picture.close();
  [busy, takenAt] = [true, now];
  try {
    [canvas.width, canvas.height] = fitted(width, height, LONGEST_PX);
    canvas.getContext("2d", { alpha: false }).drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    const jpeg = await blob.arrayBuffer();
    kept.set(++number, blob);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value);
    socket?.postMessage({ number, jpeg }, [jpeg]);
  } finally {
    busy = false;
  }
}

async function show(looked) {
  const blob = kept.get(looked);
  if (!blob || !preview) return;
  const bitmap = await createImageBitmap(blob);
  [preview.width, preview.height] = fitted(bitmap.width, bitmap.height, 320);
  preview.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0, preview.width, preview.height);
  bitmap.close();
  postMessage({ shown: looked });
}

function stop() {
  reader?.cancel().catch(() => {}); // it ends anyway
  reader = null;
}
