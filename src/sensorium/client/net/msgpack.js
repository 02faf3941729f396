// MessagePack, as far as the room's records use it: nil, booleans, numbers, strings, bytes, arrays and maps with
// string keys. What comes from outside is checked before it is used. Knows no record.

const MAX_DEPTH = 32;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** What cannot be read or written, in one line. */
export class BadMessage extends Error {}

/**
 * @param {unknown} value null, boolean, number, string, Uint8Array, array, or a plain object of these
 * @returns {Uint8Array}
 * @throws {BadMessage} for anything else
 */
export function encode(value) {
  const out = new Writer();
  write(out, value, 0);
  return out.bytes();
}

/**
 * @param {Uint8Array} bytes one value, and nothing behind it
 * @returns {unknown} maps as objects without a prototype, so that no key is special
 * @throws {BadMessage} when it is cut, too deep, or uses what the room never sends
 */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = read(reader, 0);
  if (reader.at !== bytes.length) throw new BadMessage(`${bytes.length - reader.at} bytes behind the message`);
  return value;
}

class Writer {
  constructor() {
    this.room = new Uint8Array(256);
    this.view = new DataView(this.room.buffer);
    this.at = 0;
  }

  /** Makes room for `num` bytes and returns where they go. */
  grow(num) {
    const start = this.at;
    this.at += num;
    if (this.at > this.room.length) {
      const larger = new Uint8Array(Math.max(this.at, 2 * this.room.length));
      larger.set(this.room);
      this.room = larger;
      this.view = new DataView(larger.buffer);
    }
    return start;
  }

  u8(value) {
    const at = this.grow(1);
    this.view.setUint8(at, value);
  }

  /** A type's byte and a number of `size` bytes behind it. */
  tagged(tag, size, set, value) {
    this.u8(tag);
    const at = this.grow(size);
    this.view[set](at, value);
  }

  raw(bytes) {
    const at = this.grow(bytes.length);
    this.room.set(bytes, at);
  }

  bytes() {
    return this.room.slice(0, this.at);
  }
}

function write(out, value, depth) {
  if (depth > MAX_DEPTH) throw new BadMessage("too deep to be written");
  if (value === null || value === undefined) out.u8(0xc0);
  else if (value === false) out.u8(0xc2);
  else if (value === true) out.u8(0xc3);
  else if (typeof value === "number") writeNumber(out, value);
  else if (typeof value === "string") {
    const bytes = encoder.encode(value);
    writeLength(out, bytes.length, [31, 0xa0], 0xd9, 0xda, 0xdb);
    out.raw(bytes);
  } else if (value instanceof Uint8Array) {
    writeLength(out, value.length, null, 0xc4, 0xc5, 0xc6);
    out.raw(value);
  } else if (Array.isArray(value)) {
    writeLength(out, value.length, [15, 0x90], null, 0xdc, 0xdd);
    for (const item of value) write(out, item, depth + 1);
  } else if (typeof value === "object") {
    const entries = Object.entries(value);
    writeLength(out, entries.length, [15, 0x80], null, 0xde, 0xdf);
    for (const [key, item] of entries) {
      write(out, key, depth + 1);
      write(out, item, depth + 1);
    }
  } else throw new BadMessage(`a ${typeof value} cannot be written`);
}

function writeNumber(out, value) {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) out.tagged(0xcb, 8, "setFloat64", value);
  else if (value >= 0) {
    if (value < 0x80) out.u8(value);
    else if (value < 0x100) out.tagged(0xcc, 1, "setUint8", value);
    else if (value < 0x10000) out.tagged(0xcd, 2, "setUint16", value);
    else if (value < 0x100000000) out.tagged(0xce, 4, "setUint32", value);
    else out.tagged(0xcf, 8, "setBigUint64", BigInt(value));
  } else if (value >= -0x20) out.u8(0x100 + value);
  else if (value >= -0x80) out.tagged(0xd0, 1, "setInt8", value);
  else if (value >= -0x8000) out.tagged(0xd1, 2, "setInt16", value);
  else if (value >= -0x80000000) out.tagged(0xd2, 4, "setInt32", value);
  else out.tagged(0xd3, 8, "setBigInt64", BigInt(value));
}

function writeLength(out, length, fixed, tag8, tag16, tag32) {
  if (fixed && length <= fixed[0]) out.u8(fixed[1] | length);
  else if (tag8 !== null && length < 0x100) out.tagged(tag8, 1, "setUint8", length);
  else if (length < 0x10000) out.tagged(tag16, 2, "setUint16", length);
  else out.tagged(tag32, 4, "setUint32", length);
}

class Reader {
  constructor(bytes) {
    this.buffer = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  /** Steps over `num` bytes and returns where they start. */
  take(num) {
    const start = this.at;
    if (num > this.buffer.length - start) throw new BadMessage("the message is cut");
    this.at += num;
    return start;
  }

  number(size, get) {
    const at = this.take(size);
    return this.view[get](at);
  }

  bytes(num) {
    const at = this.take(num);
    return this.buffer.slice(at, at + num);
  }

  text(num) {
    const at = this.take(num);
    try {
      return decoder.decode(this.buffer.subarray(at, at + num));
    } catch {
      throw new BadMessage("a text is not UTF-8");
    }
  }
}

const NUMBERS = {
  0xca: [4, "getFloat32"],
  0xcb: [8, "getFloat64"],
  0xcc: [1, "getUint8"],
  0xcd: [2, "getUint16"],
  0xce: [4, "getUint32"],
  0xcf: [8, "getBigUint64"],
  0xd0: [1, "getInt8"],
  0xd1: [2, "getInt16"],
  0xd2: [4, "getInt32"],
  0xd3: [8, "getBigInt64"],
};
const LENGTHS = [
  [1, "getUint8"],
  [2, "getUint16"],
  [4, "getUint32"],
];

function read(from, depth) {
  if (depth > MAX_DEPTH) throw new BadMessage("the message is too deep");
  const tag = from.number(1, "getUint8");
  if (tag < 0x80) return tag;
  if (tag >= 0xe0) return tag - 0x100;
  if (tag < 0x90) return readMap(from, tag & 0x0f, depth);
  if (tag < 0xa0) return readArray(from, tag & 0x0f, depth);
  if (tag < 0xc0) return from.text(tag & 0x1f);
  if (tag === 0xc0) return null;
  if (tag === 0xc2 || tag === 0xc3) return tag === 0xc3;
  if (tag in NUMBERS) return asNumber(from.number(...NUMBERS[tag]));
  const length = (first) => from.number(...LENGTHS[tag - first]);
  if (tag >= 0xc4 && tag <= 0xc6) return from.bytes(length(0xc4));
  if (tag >= 0xd9 && tag <= 0xdb) return from.text(length(0xd9));
  if (tag === 0xdc || tag === 0xdd) return readArray(from, length(0xdb), depth);
  if (tag === 0xde || tag === 0xdf) return readMap(from, length(0xdd), depth);
  throw new BadMessage(`type 0x${tag.toString(16)} is none of the room's`);
}

function asNumber(value) {
  if (typeof value !== "bigint") return value;
  if (value > SAFE || value < -SAFE) throw new BadMessage("a number is too large to be exact");
  return Number(value);
}

function readArray(from, length, depth) {
  // Each item has a byte at least: a length that cannot be true allocates nothing.
  if (length > from.buffer.length - from.at) throw new BadMessage("the message is cut");
  return Array.from({ length }, () => read(from, depth + 1));
}

function readMap(from, length, depth) {
  if (2 * length > from.buffer.length - from.at) throw new BadMessage("the message is cut");
  const map = Object.create(null);
  for (let i = 0; i < length; i++) {
    const key = read(from, depth + 1);
    if (typeof key !== "string") throw new BadMessage("a map's key is no text");
    map[key] = read(from, depth + 1);
  }
  return map;
}
