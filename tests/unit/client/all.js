import { connection } from "./connection.js";
import { room } from "./room.js";
import { sound } from "./sound.js";
import { wire } from "./wire.js";

/** @param {any} golden @returns {Record<string, Record<string, () => void>>} by subject, then by what is true */
export const tests = (golden) => ({ wire: wire(golden), sound: sound(), room: room(), connection: connection() });
