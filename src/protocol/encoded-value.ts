/**
 * Values as a session keeps them: JSON text, or the bytes of a structured clone where JSON would change the
 * value.
 *
 * A value is encoded once, on the thread that made it. The coordinator passes it on untouched, to the disk
 * and to the consumer, who decodes it on reading. So the consumer gets the same value in the run that made it
 * and in every later one, and also the same as without a session: typed arrays have memory of their own, and
 * a Buffer is a Uint8Array.
 *
 * JSON is used only for a value that parsing gives back equal: null, booleans, strings, finite numbers other
 * than -0, and arrays and plain objects of these. A property that is undefined is left out, as always in
 * JSON. Everything else (Map, Date, BigInt, NaN, cycles, ...) is cloned, by the rules and with the limits of
 * structured clone.
 */

import { DefaultDeserializer, serialize } from 'node:v8';
import { HeddleError } from './errors.js';
import { isTooDeep, ownedView } from './owned-value.js';

/** JSON text, the bytes of a clone, or undefined for undefined. */
export type EncodedValue = string | Uint8Array | undefined;

/** Values nested deeper are cloned. The limit also ends the search in cycles. */
const MAX_DEPTH = 64;
/**
 * Values with more objects are cloned: JSON writes an object that is reached on many paths once for each of
 * them.
 */
const MAX_VISITS = 1_000_000;
/** Bytes of the text of a value, in UTF-8 or base64. A record is read as one string, and has other fields. */
const MAX_BYTES = 2 ** 29 - 2 ** 20;

let visits = 0;

/**
 * @throws DataCloneError when the value holds functions or other things that cannot be copied
 * @throws {@link HeddleError} HEDDLE_NOT_CLONEABLE when the value is too large, or nested too deeply
 */
export function encodeValue(value: unknown): EncodedValue {
  if (value === undefined) return undefined;
  visits = 0;
  return isJson(value, 0) ? jsonText(value) : cloneBytes(value);
}

/** Decodes a value. Each call returns a new one. */
export function decodeValue(encoded: EncodedValue): unknown {
  if (encoded === undefined) return undefined;
  if (typeof encoded === 'string') return JSON.parse(encoded);
  const bytes = new OwningDeserializer(encoded);
  bytes.readHeader();
  return bytes.readValue();
}

function jsonText(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    // Longer than any string can be.
    if (cause instanceof RangeError) throw tooLarge();
    throw cause;
  }
  // In UTF-8, a character takes up to 3 bytes.
  if (text.length > MAX_BYTES / 3 && Buffer.byteLength(text) > MAX_BYTES) throw tooLarge();
  return text;
}

function cloneBytes(value: unknown): Uint8Array {
  if (isTooDeep(value)) throw refusal('It is nested more than 1,500 levels deep; return flatter data');
  const bytes = serialize(value);
  if (bytes.length > (MAX_BYTES / 4) * 3) throw tooLarge();
  return bytes;
}

function tooLarge(): HeddleError {
  return refusal(
    `It takes more than ${MAX_BYTES / 2 ** 20} MiB as text, which a session or cache cannot keep; ` +
      'return less, or write it to a file and return the path',
  );
}

function refusal(message: string): HeddleError {
  return new HeddleError('HEDDLE_NOT_CLONEABLE', message);
}

const readHostObject = Reflect.get(DefaultDeserializer.prototype, '_readHostObject') as (
  this: DefaultDeserializer,
) => ArrayBufferView;

/**
 * Reads what `v8.serialize` writes. Its own counterpart gives typed arrays views of the bytes that are read,
 * or of the memory that Node shares between Buffers.
 */
class OwningDeserializer extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView {
    return ownedView(readHostObject.call(this));
  }
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
    // JSON drops named fields of an array.
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
  // A `toJSON` among the fields is a function, so the value was refused above.
  return true;
}
