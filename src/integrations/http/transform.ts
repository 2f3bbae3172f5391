/**
 * Chooses and renames the fields of an answer: `fields` first, then `rename`. For an array, of each element.
 *
 *   id               a field                    owner.login     a field in a field
 *   tags[0]          an element                 items[*].name   the names of all items, under `items`
 *   [*].id           the same as `id`, for an answer that is an array
 *
 * A path that does not exist in an answer is left out. Only own fields are read, so that a hostile answer
 * cannot reach a prototype.
 */

import { isPlain } from '../../text/schema.js';
import type { Transform } from './service-config.js';

/** Applies transforms, one after the other. */
export function transformed(
  data: unknown,
  transforms: Transform | readonly Transform[] | undefined,
): unknown {
  if (transforms === undefined) return data;
  const steps = (Array.isArray(transforms) ? transforms : [transforms]) as readonly Transform[];
  return steps.reduce<unknown>((value, { fields, rename }) => {
    const chosen = fields === undefined ? value : chooseFields(value, fields);
    return rename === undefined ? chosen : renameFields(chosen, Object.entries(rename));
  }, data);
}

function chooseFields(data: unknown, fields: readonly string[]): unknown {
  if (Array.isArray(data)) return data.map((each) => chooseFields(each, fields.map(ofElement)));
  if (!isPlain(data)) return data;
  const result: Record<string, unknown> = {};
  for (const field of fields) {
    const star = field.indexOf('[*]');
    if (star > 0) {
      const list = get(data, partsOf(field.slice(0, star)));
      if (!Array.isArray(list)) continue;
      const rest = partsOf(field.slice(star + 3).replace(/^\./, ''));
      set(
        result,
        partsOf(field.slice(0, star)),
        rest.length === 0 ? list : list.map((each) => get(each, rest)),
      );
    } else {
      const value = get(data, partsOf(field));
      if (value !== undefined) set(result, withoutIndexes(field), value);
    }
  }
  return result;
}

function renameFields(data: unknown, pairs: readonly (readonly [string, string])[]): unknown {
  if (Array.isArray(data))
    return data.map((each) =>
      renameFields(
        each,
        pairs.map(([from, to]) => [ofElement(from), ofElement(to)]),
      ),
    );
  if (!isPlain(data)) return data;
  const result = structuredClone(data);
  for (const [from, to] of pairs) {
    const parts = partsOf(from);
    const value = get(result, parts);
    if (value === undefined) continue;
    remove(result, parts);
    set(result, partsOf(to), value);
  }
  return result;
}

function ofElement(path: string): string {
  return path.startsWith('[*].') ? path.slice(4) : path;
}

/** "a.b[0]" → ["a", "b", "0"] */
function partsOf(path: string): string[] {
  return path
    .replace(/\[(\d+)\]/g, '.$1')
    .split('.')
    .filter((part) => part !== '');
}

/** Where the value of a path goes: that of "tags[0]" to `tags`. */
function withoutIndexes(path: string): string[] {
  return partsOf(path.replace(/\[\d+\]/g, ''));
}

function get(data: unknown, parts: readonly string[]): unknown {
  let value = data;
  for (const part of parts) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function set(target: Record<string, unknown>, parts: readonly string[], value: unknown): void {
  let place = target;
  for (const part of parts.slice(0, -1)) {
    const next = Object.hasOwn(place, part) ? place[part] : undefined;
    if (isPlain(next)) place = next;
    else {
      const made = {};
      define(place, part, made);
      place = made;
    }
  }
  const last = parts.at(-1);
  if (last !== undefined) define(place, last, value);
}

/** An assignment to `__proto__` would change the prototype; this makes a field of that name. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}

function remove(target: Record<string, unknown>, parts: readonly string[]): void {
  const last = parts.at(-1);
  const holder = get(target, parts.slice(0, -1));
  if (last !== undefined && typeof holder === 'object' && holder !== null)
    Reflect.deleteProperty(holder, last);
}
