// What the page tells people when something is not as it should be: what it is, and what they can do.

/** @typedef {{text: string, remedy: string}} Telling */

const NAMES = { microphone: "microphone", camera: "camera", screen: "screen" };

/**
 * Why a device cannot be had.
 * @param {"microphone" | "camera" | "screen"} what
 * @param {Error} error of the browser
 * @returns {Telling}
 */
export function refusedDevice(what, error) {
  const name = NAMES[what];
  const meanwhile = what === "microphone" ? " You can type meanwhile." : "";
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return what === "screen"
        ? { text: "Nothing is shared.", remedy: "Press Screen again and choose a window." }
        : {
            text: `This page may not use the ${name}.`,
            remedy: `Press the sign left of the address, allow the ${name}, then try again.${meanwhile}`,
          };
    case "NotFoundError":
    case "OverconstrainedError":
      return { text: `No ${name} was found.`, remedy: `Connect one, then try again.${meanwhile}` };
    case "NotReadableError":
    case "AbortError":
      return {
        text: `The ${name} does not answer.`,
        remedy: `Close other programs that use it, then try again.${meanwhile}`,
      };
    default:
      return { text: `The ${name} could not be started: ${error.message}`, remedy: `Try again.${meanwhile}` };
  }
}

export const NO_SHARED_MEMORY = {
  text: "Your voice cannot reach the room from this browser: it lacks shared memory (SharedArrayBuffer).",
  remedy: "You can type, and hear the answers. To speak, open the page in a current Chrome, Edge, Firefox or Safari.",
};
export const NOT_SECURE = {
  text: "Browsers give microphone and camera only to pages of this computer (localhost) or over https.",
  remedy: "Open the link that sensorium printed on the machine itself, or put https in front. You can type here.",
};
export const TOO_OLD = {
  text: "This browser is too old for this page.",
  remedy: "Open it in a current Chrome, Edge, Firefox or Safari.",
};
export const OTHER_TAB = {
  text: "The room is open in another tab of this browser.",
  remedy: "Two would hear each other. Go on there, or take the room over to this tab.",
};
export const TAKEN_OVER = {
  text: "The room went on in another tab.",
  remedy: "Go on there, or take it back to this tab.",
};
export const MICROPHONE_LOST = {
  text: "The microphone is gone.",
  remedy: "Connect it again, or choose another in the settings. You can type meanwhile.",
};
export const OVERFULL = {
  text: "Too many messages wait for the connection.",
  remedy: "This one was put back into the text box: send it again when the others are through.",
};
export const SILENT = {
  text: "The browser keeps this page silent.",
  remedy: "Press anywhere on the page to hear the voices.",
};

const WORKERS = {
  llm: ["The minds are restarting.", "Nobody can answer for some seconds; what was said is kept."],
  hearing: ["The ears are restarting.", "Nobody hears you for a moment. You can type meanwhile."],
  speech: ["The voices are restarting.", "Answers come in writing for a moment."],
  tools: ["The tools are restarting.", "Timer, notes and the like are back in a moment."],
  vision: ["The eyes are restarting.", "Nobody sees your camera for a moment."],
};

/** @param {string} worker @returns {Telling} */
export function workerDown(worker) {
  const [text, remedy] = WORKERS[worker] ?? [`The ${worker} worker is restarting.`, "It takes a moment."];
  return { text, remedy };
}

/**
 * A call of a tool as one line: what was given to it, by name.
 * @param {string} who
 * @param {{tool: string, arguments: string}} call
 */
export function toolLine(who, { tool, arguments: given }) {
  let values = [];
  try {
    values = Object.entries(JSON.parse(given)).map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  } catch {
    values = [given];
  }
  return [`${who} uses ${tool}`, values.join(", ")].filter(Boolean).join(": ");
}

/** @param {import("./net/connection.js").Phase} phase @returns {Telling} */
export function refusedRoom({ reason, remedy }) {
  const full = /full/i.test(reason ?? "");
  const fallback = full
    ? "Try again when somebody has left."
    : "Open the link that sensorium printed, or ask whoever runs the room.";
  return { text: sentence(`The room did not let you in: ${reason}`), remedy: sentence(remedy || fallback) };
}

/** What the room says in passing, as a sentence. @param {string} text */
export function sentence(text) {
  const trimmed = text.trim();
  if (!trimmed) return "";
  return trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}

/** What a recipe has off, in words. @param {{hearing: boolean, vision: boolean, touch: boolean}} recipe */
export function off({ hearing, vision, touch }) {
  return [!hearing && "hearing off", !vision && "seeing off", !touch && "touch off"].filter(Boolean);
}

export const LOST = {
  text: "The connection to the room is lost.",
  remedy: "The page tries again by itself. What you send now is kept.",
};
export const UNREACHABLE = {
  text: "The room does not answer.",
  remedy: "Is sensorium still running? The page tries again by itself.",
};
export const SLEPT = {
  text: "The page was asleep. You are back in the room.",
  remedy: "What was said meanwhile is in the captions.",
};
export const BACK = { text: "You are back in the room.", remedy: "" };

export const NOT_LOADED = {
  text: "A part of this page could not be loaded.",
  remedy: "Load the page again; in an old browser, take a current one.",
};

export const DOES = {
  speaks: "speaks",
  waits: "waits for you",
  thinks: "thinks",
  listens: "listens",
  "is here": "is here",
};
