/**
 * Values as a session keeps them: JSON text, or the bytes of a structured clone where JSON would change the value.
 *
 * Encoded once, on the thread that made the value; the coordinator passes it on untouched, to the disk and to the consumer,
 * who decodes it when it is read. So what a consumer sees in the run that made a value, and in every later one, is the same.
 *
 * JSON stands for a value only when parsing gives an equal one: null, booleans, finite numbers but -0, strings, and arrays
 * and plain objects of these. A property that is undefined is left out, as it always is in JSON. Everything else (Map, Date, BigInt,
 * NaN, cycles, ...) is cloned, by the rules and with the limits of structured clone.
 */

import { deserialize, serialize } from 'node:v8';

/** JSON text, the bytes of a clone, or undefined for undefined. */
export type EncodedValue = string | Uint8Array | undefined;

/** Deeper than this, values are cloned: it also ends the search in cycles. */
const MAX_DEPTH = 64;
/** More objects than this are cloned: an object that is reached on many ways would be written out for each of them. */
const MAX_VISITS = 1_000_000;

let visits = 0;

/** @throws DataCloneError when the value holds functions or other things that cannot be copied */
export function encodeValue(value: unknown): EncodedValue {
  if (value === undefined) return undefined;
  visits = 0;
  return isJson(value, 0) ? JSON.stringify(value) : serialize(value);
}

/** The value again. A new one with each call. */
export function decodeValue(encoded: EncodedValue): unknown {
  if (encoded === undefined) return undefined;
  // A copy: typed arrays of the value would share the memory of the bytes.
  return typeof encoded === 'string' ? JSON.parse(encoded) : deserialize(Uint8Array.from(encoded));
}

function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      return value === null || (depth < MAX_DEPTH && isJsonObject(value, depth + 1));
    default:
      return false;
  }
}

function isJsonObject(value: object, depth: number): boolean {
  if (++visits > MAX_VISITS) return false;
  if (Array.isArray(value)) {
    // Named fields of an array are lost in JSON.
    if (Object.keys(value).length !== value.length) return false;
    for (let i = 0; i < value.length; i++) if (!isJson(value[i], depth)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  const record = value as Record<string, unknown>;
  for (const name in record) {
    const field = record[name];
    if (field !== undefined && !isJson(field, depth)) return false;
  }
  // A `toJSON` among the fields is a function, which was refused above.
  return true;
}
