// The few checks that tests of the page need; the same in node and in a browser.

/** Fails unless both are the same, down to their last bytes. */
export function equal(found, wanted, what = "") {
  const [a, b] = [plain(found), plain(wanted)];
  if (a !== b) throw new Error(`${what} ${a.slice(0, 300)} is not ${b.slice(0, 300)}`);
}

/** Fails unless `run` throws an error of this class. */
export function throws(run, error) {
  try {
    run();
  } catch (found) {
    if (found instanceof error) return;
    throw found;
  }
  throw new Error("nothing was thrown");
}

export function near(found, wanted, within, what = "") {
  if (!(Math.abs(found - wanted) <= within)) throw new Error(`${what} ${found} is not within ${within} of ${wanted}`);
}

export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

function plain(value) {
  return JSON.stringify(value, (_, item) => {
    if (ArrayBuffer.isView(item)) return `${item.constructor.name} ${[...item]}`;
    if (item instanceof Map) return { map: [...item] };
    return item === undefined ? "undefined" : Object.is(item, -0) ? "-0" : item;
  });
}
