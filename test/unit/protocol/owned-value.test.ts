import { describe, expect, it } from 'vitest';
import { compactViews, isTooDeep } from '../../../src/protocol/owned-value.js';

const large = new ArrayBuffer(1e6);
const part = (): Uint8Array => new Uint8Array(large, 8, 16).fill(7);

/** Bytes of the buffers that a structured clone of the value copies. */
function bytesOf(value: unknown): number {
  const buffers = new Set<ArrayBufferLike>();
  const collect = (each: unknown): void => {
    if (ArrayBuffer.isView(each)) buffers.add(each.buffer);
    else if (each instanceof Map || each instanceof Set) for (const entry of each) collect(entry);
    else if (typeof each === 'object' && each !== null)
      for (const field of Object.values(each)) collect(field);
  };
  collect(structuredClone(value));
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

describe('compactViews', () => {
  class Row {
    readonly data = part();
    get length(): number {
      return this.data.length;
    }
  }

  it.each([
    ['a view', part(), 16],
    ['a field', { a: { b: part() } }, 16],
    ['an element', [[part()], 1], 16],
    ['a Map', new Map<unknown, unknown>([[part(), { view: part() }]]), 32],
    ['a Set', new Set([part()]), 16],
    ['an instance', new Row(), 16],
    ['a Buffer', [Buffer.from(large, 8, 16)], 16],
    ['a DataView', [new DataView(large, 8, 16)], 16],
    ['floats', [new Float64Array(large, 8, 2)], 16],
    [
      'a field named __proto__',
      Object.defineProperty({}, '__proto__', { value: part(), enumerable: true }),
      16,
    ],
  ] as [string, unknown, number][])('copies the bytes of a view only: %s', (_, value, bytes) => {
    const compact = compactViews(value);

    expect(compact).toStrictEqual(value);
    expect(bytesOf(compact)).toBe(bytes);
    expect(bytesOf(value)).toBe(1e6);
  });

  it('keeps what the value holds besides', () => {
    const value = Object.assign(new Array(3), {
      1: part(),
      at: new Date(0),
      pattern: /a/,
      whole: new Uint8Array(2),
    });
    const compact = compactViews(value) as typeof value;

    expect(compact).toStrictEqual(value);
    expect(0 in compact).toBe(false);
    expect(compact.whole).toBe(value.whole);
    expect(compactViews(new Row())).toBeInstanceOf(Row);
    expect(Buffer.isBuffer(compactViews(Buffer.from(large, 8, 16)))).toBe(true);
  });

  it('keeps cycles and objects that are reached twice', () => {
    const view = part();
    const value: { self?: unknown; list: unknown[] } = { list: [view, view] };
    value.self = value;
    value.list.push(value.list);
    const compact = compactViews(value) as typeof value;

    expect(compact.self).toBe(compact);
    expect(compact.list[0]).toBe(compact.list[1]);
    expect(compact.list[2]).toBe(compact.list);
    expect(compact.list[0]).not.toBe(view);
  });

  const throwing = {
    view: part(),
    get rows(): never {
      throw new Error('no');
    },
  };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();

  it.each([
    ['primitives', 1],
    ['null', null],
    ['plain data', { a: [1, { b: 'c' }] }],
    ['a whole view', { view: new Uint8Array(4) }],
    ['shared memory', [new Uint8Array(new SharedArrayBuffer(8), 0, 2)]],
    ['a getter that throws', throwing],
    ['a revoked proxy', [proxy]],
    ['a Blob with fields', Object.assign(new Blob(['a']), { view: part() })],
    ['a list that is empty and long', new Array(2 ** 32 - 1)],
  ])('returns the value itself: %s', (_, value) => {
    expect(compactViews(value) === value).toBe(true);
  });

  it('takes linear time for objects that are reached on many paths', () => {
    let value: unknown = [part()];
    for (let i = 0; i < 60; i++) value = { left: value, right: value };

    expect(bytesOf([compactViews(value)].map(() => part()))).toBe(1e6);
    let leaf = compactViews(value);
    while (!Array.isArray(leaf)) leaf = (leaf as { left: unknown }).left;
    expect(leaf[0].buffer.byteLength).toBe(16);
  });

  it('finds what is nested too deeply, and takes no cycle for it', () => {
    const nested = (levels: number): unknown =>
      Array.from({ length: levels }).reduce<unknown>((inner) => ({ inner }), 1);
    const cycle: unknown[] = [];
    cycle.push(cycle, { cycle });
    const ring = Array.from({ length: 500 }, (): Record<string, unknown> => ({}));
    for (const [i, each] of ring.entries())
      Object.assign(each, { next: ring[(i + 1) % 500], back: ring.at(i - 1) });

    const deep = nested(100_000);

    expect([nested(1500), nested(1501), deep, cycle, ring].map(isTooDeep)).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
    expect(compactViews(deep)).toBe(deep);
    expect(compactViews(cycle)).toBe(cycle);
    expect(compactViews(ring)).toBe(ring);
  });
});
