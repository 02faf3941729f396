// One message of the room's WebSocket: u32 LE header length, a MessagePack map with "type" first, raw payload.

import { BadMessage, decode, encode } from "./msgpack.js";

const PREFIX_BYTES = 4;
const MAX_HEADER_BYTES = 1 << 20;
const NOTHING = new Uint8Array(0);

/** @typedef {{type: string, [field: string]: any}} RoomRecord one of decision 15's records, its name under `type` */

/**
 * @param {RoomRecord} record
 * @param {Uint8Array} [payload] raw bytes, e.g. PCM or JPEG
 * @returns {Uint8Array<ArrayBuffer>} ready to be sent
 */
export function frame(record, payload = NOTHING) {
  const { type, ...fields } = record;
  const header = encode({ type, ...fields });
  const message = new Uint8Array(PREFIX_BYTES + header.length + payload.length);
  new DataView(message.buffer).setUint32(0, header.length, true);
  message.set(header, PREFIX_BYTES);
  message.set(payload, PREFIX_BYTES + header.length);
  return message;
}

/**
 * @param {ArrayBuffer} message
 * @returns {{record: RoomRecord, payload: Uint8Array}} the payload is a view into the message
 * @throws {BadMessage} when it is not a record
 */
export function unframe(message) {
  if (message.byteLength < PREFIX_BYTES) throw new BadMessage("the message is cut");
  const length = new DataView(message).getUint32(0, true);
  if (length > MAX_HEADER_BYTES) throw new BadMessage(`a header has at most ${MAX_HEADER_BYTES} bytes`);
  if (length > message.byteLength - PREFIX_BYTES) throw new BadMessage("the message is cut");
  const record = decode(new Uint8Array(message, PREFIX_BYTES, length));
  if (record === null || typeof record !== "object" || typeof record.type !== "string") {
    throw new BadMessage("a header is a map with its type");
  }
  return { record, payload: new Uint8Array(message, PREFIX_BYTES + length) };
}
