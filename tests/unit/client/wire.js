// MessagePack and framing against bytes that msgspec wrote, and against bytes that nobody should write.

import { frame, unframe } from "../../../src/sensorium/client/net/framing.js";
import { BadMessage, decode, encode } from "../../../src/sensorium/client/net/msgpack.js";
import { equal, throws } from "./check.js";

const bytes = (hex) => new Uint8Array((hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16)));

/** @param {{values: {value: any, hex: string}[], to_page: {record: any, hex: string}[],
 *   from_page: {record: any, payload: string, hex: string}[]}} golden of test_javascript.py */
export const wire = (golden) => ({
  "what msgspec wrote is read": () => {
    for (const { value, hex } of golden.values) equal(decode(bytes(hex)), value, hex);
  },
  "what we write is what msgspec writes": () => {
    for (const { value, hex } of golden.values) equal(encode(value), bytes(hex), JSON.stringify(value));
  },
  "bytes travel as bytes": () => {
    for (const length of [0, 1, 255, 256, 70_000]) {
      const raw = new Uint8Array(length).fill(7);
      equal(decode(encode(raw)), raw, String(length));
    }
  },
  "every record of the room is read": () => {
    for (const { record, hex } of golden.to_page) {
      const message = bytes(hex);
      const found = unframe(message.buffer);
      equal(found.record, record, record.type);
      equal(found.payload, new Uint8Array([1, 0, 2, 0]), record.type);
    }
  },
  "every record of the page is written as the room's own encoder does": () => {
    for (const { record, payload, hex } of golden.from_page) equal(frame(record, bytes(payload)), bytes(hex), record.type);
  },
  "a message that is cut anywhere is refused": () => {
    const whole = encode({ type: "Say", text: "hällo", to: "", more: [1, 2.5, 300, -70_000, null, true, "x".repeat(40)] });
    for (let length = 0; length < whole.length; length++) throws(() => decode(whole.slice(0, length)), BadMessage);
  },
  "a length that cannot be true allocates nothing": () => {
    for (const hex of ["ddffffffff", "dfffffffff", "c6ffffffff", "dbffffffff"]) throws(() => decode(bytes(hex)), BadMessage);
  },
  "what the room never sends is refused": () => {
    const deep = new Uint8Array(200).fill(0x91);
    const refused = ["c1", "d40001", "c7010000", "8101a0", "a1ff", "cfffffffffffffffff", "c0c0"].map(bytes);
    for (const message of [...refused, deep]) throws(() => decode(message), BadMessage);
    for (const message of ["", "000000", "05000000c0", "ffffffff", "0100000001", "01000000c0"]) {
      throws(() => unframe(bytes(message).buffer), BadMessage);
    }
  },
  "a key of an object's own prototype is a key like any": () => {
    const found = decode(encode(Object.fromEntries([["__proto__", 1], ["constructor", 2]])));
    equal([found.constructor, Object.keys(found).length], [2, 2]);
  },
});
