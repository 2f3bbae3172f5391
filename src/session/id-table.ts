/**
 * A table from task ids to slots 0, 1, 2, … in the order in which ids were added.
 *
 * Ids are 128 bits. Most are evenly spread, but those of equal inputs follow each other, so all bits take
 * part in the hash. Open addressing in typed arrays: 16 bytes for an id and about 7 for its place, outside
 * the heap that the garbage collector scans. A Map of strings takes four times that.
 */

const WORDS = 4;
const MIN_PLACES = 1024;
/** The table is never fuller than this. */
const MAX_LOAD = 0.6;

const DIGIT = new Uint8Array(128);
for (let i = 0; i < 16; i++) DIGIT['0123456789abcdef'.charCodeAt(i)] = i;

/** Ids and their slots. */
export class IdTable {
  size = 0;
  /** Slot + 1 at each place; 0 is free. */
  #places = new Uint32Array(MIN_PLACES);
  #ids = new Uint32Array(MIN_PLACES * WORDS);
  readonly #id = new Uint32Array(WORDS);

  /** Returns the slot of an id, or -1. */
  find(id: string): number {
    this.#parseText(id);
    return (this.#places[this.#place()] as number) - 1;
  }

  /** Returns the slot of an id; a new one for a new id. */
  add(id: string): number {
    this.#parseText(id);
    return this.#addParsed();
  }

  /** The same for an id in bytes of ASCII. */
  addBytes(bytes: Uint8Array, at: number): number {
    for (let word = 0; word < WORDS; word++) {
      let value = 0;
      for (let i = at + word * 8, end = i + 8; i < end; i++)
        value = (value << 4) | (DIGIT[(bytes[i] as number) & 127] as number);
      this.#id[word] = value;
    }
    return this.#addParsed();
  }

  /** The id of a slot. */
  idAt(slot: number): string {
    let id = '';
    for (let word = 0; word < WORDS; word++)
      id += (this.#ids[slot * WORDS + word] as number).toString(16).padStart(8, '0');
    return id;
  }

  #parseText(id: string): void {
    for (let word = 0; word < WORDS; word++) {
      let value = 0;
      for (let i = word * 8, end = i + 8; i < end; i++)
        value = (value << 4) | (DIGIT[id.charCodeAt(i) & 127] as number);
      this.#id[word] = value;
    }
  }

  #addParsed(): number {
    let place = this.#place();
    const found = this.#places[place] as number;
    if (found !== 0) return found - 1;
    if (this.size + 1 > this.#places.length * MAX_LOAD) {
      this.#grow();
      place = this.#place();
    }
    const slot = this.size++;
    if (this.size * WORDS > this.#ids.length) this.#ids = larger(this.#ids, this.#ids.length * 2);
    const ids = this.#ids;
    const at = slot * WORDS;
    for (let word = 0; word < WORDS; word++) ids[at + word] = this.#id[word] as number;
    this.#places[place] = slot + 1;
    return slot;
  }

  /** The place of the id, or the free place for it. */
  #place(): number {
    const mask = this.#places.length - 1;
    const id = this.#id;
    const ids = this.#ids;
    const places = this.#places;
    for (let place = mixed(id, 0) & mask; ; place = (place + 1) & mask) {
      const slot = (places[place] as number) - 1;
      if (slot === -1) return place;
      const at = slot * WORDS;
      const isSame =
        ids[at] === id[0] && ids[at + 1] === id[1] && ids[at + 2] === id[2] && ids[at + 3] === id[3];
      if (isSame) return place;
    }
  }

  #grow(): void {
    const places = new Uint32Array(this.#places.length * 2);
    const mask = places.length - 1;
    for (let slot = 0; slot < this.size; slot++) {
      let place = mixed(this.#ids, slot * WORDS) & mask;
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = slot + 1;
    }
    this.#places = places;
  }
}

/** Hashes the id at an offset. The multiplier is 2^32 divided by the golden ratio (Knuth). */
function mixed(ids: Uint32Array, at: number): number {
  const a = (ids[at] as number) ^ Math.imul(ids[at + 1] as number, 0x9e3779b1);
  const b = (ids[at + 2] as number) ^ Math.imul(ids[at + 3] as number, 0x9e3779b1);
  const c = Math.imul(a ^ (b << 15) ^ (b >>> 17), 0x9e3779b1);
  return (c ^ (c >>> 15)) >>> 0;
}

/** Returns a longer copy of a typed array. */
export function larger<T extends Uint32Array | Float64Array | Uint8Array>(array: T, length: number): T {
  const copy = new (array.constructor as new (length: number) => T)(length);
  copy.set(array as never);
  return copy;
}
