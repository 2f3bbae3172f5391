/**
 * The default key of a task: a hash of its input.
 *
 * The input is written as canonical text: properties sorted, every type tagged. So equal inputs have equal
 * keys in every process and every release, and different inputs have different keys. The key is the first 128
 * bits of the text's SHA-256 in hexadecimal: among 1e9 different inputs, two collide with a probability below
 * 1e-20.
 *
 * What counts is what structured clone copies to a thread:
 *   - own enumerable fields, in any order, not the prototype
 *   - the order of the entries of a Map or Set
 *   - of an error: name, class, message, cause, errors and own fields, not the stack
 *   - of a typed array: its type and its own bytes, not its named fields. A Buffer is a Uint8Array.
 *   - of an instance of a class: the name of the class and the public fields. A thread receives these fields
 *     as a plain object. An inline task also sees private fields: give `key` if instances differ only there.
 *
 * Refused, because two different values could not be distinguished: functions, symbols and fields that they
 * name, instances without any enumerable field (private state only), and everything else that hides its state
 * (Blob, Promise, WeakMap, MessagePort, ...).
 *
 * An object that is reached more than once is written as often, as in JSON, but in time linear in the number
 * of objects.
 */

import { types } from 'node:util';
import { HeddleError, isHeddleError } from './errors.js';
import { viewType } from './owned-value.js';
import { describe, isPlain, reasonOf } from './plain-data.js';

/** Deeper objects are refused. Recursion must fit the stack of every thread. */
const MAX_DEPTH = 1500;
/** Objects written before repeated ones are looked for. */
const FREE_OBJECTS = 10_000;
/** Characters that repeated objects may add. */
const MAX_REPEATED = 64 * 1024 * 1024;
/** What writing an object again costs beside its text, in characters: bounds the time as well. */
const REPEAT_COST = 64;

const { propertyIsEnumerable: isEnumerable } = Object.prototype;

let hash: typeof import('node:crypto').hash | undefined;

/**
 * Hashes an input to its key: 32 hexadecimal digits.
 *
 * @throws {@link HeddleError} HEDDLE_INVALID_KEY when the input cannot be distinguished from others or
 * cannot be read, or is nested or repeated too much
 */
export function taskKey(input: unknown): string {
  // Loaded on first use: most threads never need a key.
  hash ??= process.getBuiltinModule('node:crypto').hash;
  try {
    return hash('sha256', textOf(input), 'hex').slice(0, 32);
  } catch (cause) {
    throw isHeddleError(cause, 'HEDDLE_INVALID_KEY') ? cause : refusal(`of this: ${reasonOf(cause)}`, cause);
  }
}

/** The key of a task for a report: where the input has no key, the place of the task in the batch. */
export function reportedKey(input: unknown, index: number): string {
  try {
    return taskKey(input);
  } catch {
    return `unkeyed-${index}`;
  }
}

function refusal(why: string, cause?: unknown): HeddleError {
  const message = `The input cannot be hashed because ${why}; give each input a key with the option \`key\``;
  return new HeddleError('HEDDLE_INVALID_KEY', message, cause === undefined ? undefined : { cause });
}

function textOf(input: unknown): string {
  return typeof input === 'object' && input !== null ? new CanonicalText().object(input) : primitive(input);
}

function primitive(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'undefined':
      return 'undefined:undefined';
    case 'bigint':
      return `bigint:${value}`;
    case 'object':
      return 'null';
    default:
      throw refusal(`it holds ${describe(value)}`);
  }
}

/** Writes one input that is an object. */
class CanonicalText {
  /** The objects that are being written, outermost first. */
  readonly #path: object[] = [];
  /** Place in the path of the outermost object that a cycle within the current object leads back to. */
  #outermost = Number.POSITIVE_INFINITY;
  #count = 0;
  /** Texts of objects; '' for one that is part of a cycle around it, whose text depends on the place. */
  #texts: Map<object, string> | undefined;
  #repeated = 0;

  object(value: object): string {
    const depth = this.#path.length;
    const above = this.#path.indexOf(value);
    if (above !== -1) {
      this.#outermost = Math.min(this.#outermost, above);
      return `circular:${depth - above}`;
    }
    const known = this.#texts?.get(value);
    if (known) return this.#again(known);
    if (depth >= MAX_DEPTH) throw refusal(`it is nested more than ${MAX_DEPTH} levels deep`);
    const outermost = this.#outermost;
    this.#outermost = Number.POSITIVE_INFINITY;
    this.#path.push(value);
    // Few frames for each level: the stack bounds the depth.
    const text = Array.isArray(value)
      ? this.#array(value)
      : Object.getPrototypeOf(value) === Object.prototype
        ? this.#fields(value, Object.keys(value))
        : this.#special(value);
    this.#path.pop();
    const isClosed = this.#outermost >= depth;
    this.#outermost = isClosed ? outermost : Math.min(outermost, this.#outermost);
    if (known !== undefined) return this.#again(text);
    if (++this.#count > FREE_OBJECTS) {
      this.#texts ??= new Map();
      this.#texts.set(value, isClosed ? text : '');
    }
    return text;
  }

  #again(text: string): string {
    this.#repeated += text.length + REPEAT_COST;
    if (this.#repeated > MAX_REPEATED)
      throw refusal('the same objects occur in it so often that its text would be too long');
    return text;
  }

  #special(value: object): string {
    if (ArrayBuffer.isView(value)) return bytes(value);
    const tag = Object.prototype.toString.call(value).slice(8, -1);
    const names = Object.keys(value);
    if (tag === 'Object') {
      if (isPlain(value)) return this.#fields(value, names);
      if (names.length === 0) throw hidden(value);
      const kind: unknown = value.constructor?.name;
      return `${kind === 'Object' ? '' : kind}${this.#fields(value, names)}`;
    }
    if (tag === 'Error' || tag === 'DOMException') return this.#error(value as Error, names);
    const own = tag === 'String' ? names.slice((value as unknown as string).length) : names;
    return this.#builtIn(tag, value) + (own.length === 0 ? '' : this.#fields(value, own));
  }

  #fields(value: object, names: string[]): string {
    if (Object.getOwnPropertySymbols(value).some((symbol) => isEnumerable.call(value, symbol)))
      throw refusal('it has fields that are named by symbols');
    const record = value as Record<string, unknown>;
    let text = '{';
    for (const name of names.sort()) {
      const field = record[name];
      const content = typeof field === 'object' && field !== null ? this.object(field) : primitive(field);
      text += `${text.length === 1 ? '' : ','}${JSON.stringify(name)}:${content}`;
    }
    return `${text}}`;
  }

  #array(value: readonly unknown[]): string {
    const names = Object.keys(value);
    const { length } = value;
    if (names.length < length || (length > 0 && names[length - 1] !== String(length - 1)))
      return `sparse:${length}${this.#fields(value, names)}`;
    const text = this.#list(value);
    return names.length === length ? text : `array:${text}${this.#fields(value, names.slice(length))}`;
  }

  #list(values: Iterable<unknown>): string {
    const texts: string[] = [];
    for (const value of values)
      texts.push(typeof value === 'object' && value !== null ? this.object(value) : primitive(value));
    return `[${texts.join(',')}]`;
  }

  /** The content of a value that has more than fields. The methods called here throw for an impostor. */
  #builtIn(tag: string, value: object): string {
    switch (tag) {
      case 'Date':
        return `date:${Date.prototype.getTime.call(value)}`;
      case 'RegExp':
        return pattern(value as RegExp);
      case 'Map':
        return `map:${this.#list(Map.prototype.entries.call(value))}`;
      case 'Set':
        return `set:${this.#list(Set.prototype.values.call(value))}`;
      case 'ArrayBuffer':
      case 'SharedArrayBuffer':
        return bytes(value as ArrayBuffer);
      case 'Boolean':
      case 'Number':
      case 'String':
      case 'BigInt':
        return `boxed:${primitive(value.valueOf())}`;
      case 'URL':
        return `url:${JSON.stringify(Reflect.get(URL.prototype, 'href', value))}`;
      case 'URLSearchParams':
        return `query:${JSON.stringify(URLSearchParams.prototype.toString.call(value))}`;
      default:
        throw hidden(value);
    }
  }

  #error(value: Error, names: string[]): string {
    const { name, message } = value;
    const kind: unknown = value.constructor?.name;
    const own = names.filter((each) => !ERROR_FIELDS.has(each));
    const more = {
      ...(kind !== name && { class: kind }),
      ...(Object.hasOwn(value, 'cause') && { cause: value.cause }),
      ...(Object.hasOwn(value, 'errors') && { errors: (value as AggregateError).errors }),
    };
    const placed = Object.keys(more);
    return (
      `error:${this.object([name, message])}` +
      (placed.length === 0 ? '' : this.#fields(more, placed)) +
      (own.length === 0 ? '' : `fields:${this.#fields(value, own)}`)
    );
  }
}

function hidden(value: object): HeddleError {
  return refusal(`it holds ${describe(value)}, whose content cannot be read`);
}

const ERROR_FIELDS: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause', 'errors']);

function pattern(value: RegExp): string {
  const text = RegExp.prototype.toString.call(value);
  // UTF-8 has no lone surrogates.
  return `regexp:${/\p{Surrogate}/u.test(text) ? JSON.stringify(text) : text}`;
}

function bytes(value: ArrayBufferView | ArrayBufferLike): string {
  const isView = ArrayBuffer.isView(value);
  const buffer = isView ? value.buffer : value;
  const tag = isView ? viewType(value) : 'buffer';
  const content = Buffer.from(buffer as ArrayBuffer, isView ? value.byteOffset : 0, value.byteLength);
  return `${types.isSharedArrayBuffer(buffer) ? 'shared:' : ''}${tag}:${content.toString('base64')}`;
}
