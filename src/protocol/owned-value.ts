/**
 * Values that own their memory.
 *
 * A typed array or Buffer is often a small view of a large ArrayBuffer: of a file, or of the pool that Node
 * shares between Buffers. Structured clone copies the whole ArrayBuffer with it, and the receiver can read
 * all of it.
 */

import { isPlain } from './plain-data.js';

/** A thread with a large stack can write values that are nested deeper, and another cannot read them. */
const MAX_DEPTH = 1500;
/** Beyond this depth, and beyond this many objects, objects seen before are skipped: there may be cycles. */
const FREE_DEPTH = 64;
const FREE_OBJECTS = 10_000;
/** Objects, and elements of one array, that are looked at. */
const MAX_OBJECTS = 100_000;
const MAX_ELEMENTS = 1_000_000;

const typeOfView = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get as (this: ArrayBufferView) => string | undefined;

/** The name of a view's built-in class, whatever class it claims to be. */
export function viewType(view: ArrayBufferView): string {
  return typeOfView.call(view) ?? 'DataView';
}

/**
 * A view of a copy of exactly the same bytes. A Buffer becomes a Uint8Array, as it does by structured clone.
 */
export function ownedView(view: ArrayBufferView): ArrayBufferView {
  const bytes = new Uint8Array(view.byteLength);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  const View = Reflect.get(globalThis, viewType(view)) as new (buffer: ArrayBuffer) => ArrayBufferView;
  return new View(bytes.buffer);
}

/**
 * The value, with each view of a part of an ArrayBuffer replaced by a view of its own memory. Objects that
 * hold such views are copied, as they must not be changed; without any, the value itself is returned. Looks
 * into arrays, Maps, Sets, plain objects, and the public fields of instances. A copied instance keeps its
 * class, not its private state. Memory that is shared between threads stays shared.
 * Never throws, and looks at most 1,500 levels deep.
 */
export function compactViews(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const search = new ViewSearch();
  try {
    search.visit(value, 1);
    return search.hasPartialView ? compacted(value, new Map()) : value;
  } catch {
    // A getter or a proxy threw. Sending the value fails for the same reason.
    return value;
  }
}

/** Whether a value is nested more than 1,500 levels deep. */
export function isTooDeep(value: unknown): boolean {
  const search = new ViewSearch();
  search.visit(value, 1);
  return search.isTooDeep;
}

class ViewSearch {
  hasPartialView = false;
  isTooDeep = false;
  #objects = 0;
  #seen: Set<object> | undefined;

  visit(value: unknown, depth: number): void {
    if (typeof value !== 'object' || value === null) return;
    if (++this.#objects > FREE_OBJECTS || depth > FREE_DEPTH || this.#seen !== undefined) {
      if (this.isTooDeep || !this.#isNew(value)) return;
      this.isTooDeep = depth > MAX_DEPTH;
    }
    if (Object.getPrototypeOf(value) === Object.prototype) this.#visitFields(value, depth + 1);
    else if (Array.isArray(value)) this.#visitElements(value, depth + 1);
    else this.#visitOther(value, depth + 1);
  }

  #visitOther(value: object, depth: number): void {
    if (ArrayBuffer.isView(value)) this.hasPartialView ||= isPartial(value);
    else if (value instanceof Map || value instanceof Set) this.#visitEntries(value, depth);
    else if (hasFieldsOnly(value)) this.#visitFields(value, depth);
  }

  #isNew(value: object): boolean {
    if (this.#objects > MAX_OBJECTS) return false;
    this.#seen ??= new Set();
    if (this.#seen.has(value)) return false;
    this.#seen.add(value);
    return true;
  }

  #visitFields(value: object, depth: number): void {
    for (const name in value) {
      const field = (value as Record<string, unknown>)[name];
      if (typeof field === 'object') this.visit(field, depth);
    }
  }

  #visitElements(list: readonly unknown[], depth: number): void {
    const length = Math.min(list.length, MAX_ELEMENTS);
    for (let i = 0; i < length; i++) {
      const each = list[i];
      if (typeof each === 'object') this.visit(each, depth);
    }
  }

  #visitEntries(value: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>, depth: number): void {
    // Not its iterator, which a subclass may replace.
    value.forEach((each: unknown, key: unknown) => {
      this.visit(each, depth);
      if (key !== each) this.visit(key, depth);
    });
  }
}

function isPartial({ buffer, byteLength }: ArrayBufferView): boolean {
  return byteLength < buffer.byteLength && buffer instanceof ArrayBuffer;
}

/**
 * True for a plain object or an instance of a class whose public fields are all that structured clone copies.
 */
function hasFieldsOnly(value: object): boolean {
  if (isPlain(value)) return true;
  // Objects of Node with state of their own have symbols, those of the web platform a tag.
  return (
    Object.prototype.toString.call(value) === '[object Object]' &&
    Object.getOwnPropertySymbols(value).length === 0
  );
}

function compacted(value: unknown, copies: Map<object, object>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  if (!ArrayBuffer.isView(value)) return compactedObject(value, copies);
  if (!isPartial(value)) return value;
  const owned = ownedView(value);
  const copy = Buffer.isBuffer(value) ? Buffer.from(owned.buffer as ArrayBuffer) : owned;
  copies.set(value, copy);
  return copy;
}

/** Each copy is registered before it is filled: an object may hold itself. */
function compactedObject(value: object, copies: Map<object, object>): object {
  if (value instanceof Map) {
    const copy = new Map();
    copies.set(value, copy);
    for (const [key, each] of value) copy.set(compacted(key, copies), compacted(each, copies));
    return copy;
  }
  if (value instanceof Set) {
    const copy = new Set();
    copies.set(value, copy);
    for (const each of value) copy.add(compacted(each, copies));
    return copy;
  }
  if (!Array.isArray(value) && !hasFieldsOnly(value)) return value;
  const copy = Array.isArray(value)
    ? new Array(value.length)
    : (Object.create(Object.getPrototypeOf(value)) as object);
  copies.set(value, copy);
  for (const [name, each] of Object.entries(value)) {
    // Assigning would call setters of the class, or of __proto__.
    const content = compacted(each, copies);
    Object.defineProperty(copy, name, {
      value: content,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return copy;
}
