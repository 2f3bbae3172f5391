import { serialize } from 'node:v8';
import { describe, expect, it, vi } from 'vitest';
import { decodeValue, encodeValue } from '../../../src/protocol/encoded-value.js';

const PROTOTYPES = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
];

describe('a value that a session keeps', () => {
  const views = {
    buffer: Buffer.from('abc'),
    odd: 'x',
    ...Object.fromEntries(PROTOTYPES.map((View) => [View.name, new View(3).fill(1)])),
    floats: [new Float32Array([0.5]), new Float64Array([0.5, -0])],
    big: [new BigInt64Array([-1n]), new BigUint64Array([1n])],
    view: new DataView(new ArrayBuffer(8), 2, 3),
    empty: new Uint8Array(0),
  };

  it('is equal to what a structured clone gives', () => {
    expect(decodeValue(encodeValue(views))).toStrictEqual(structuredClone(views));
    expect(decodeValue(encodeValue(Buffer.from('abc')))).toStrictEqual(new Uint8Array([97, 98, 99]));
  });

  it('owns its memory', () => {
    const decoded = decodeValue(encodeValue(views)) as Record<string, unknown>;
    const all = Object.values(decoded).flat().filter(ArrayBuffer.isView);

    expect(all.length).toBeGreaterThan(12);
    for (const view of all) expect(view.buffer.byteLength).toBe(view.byteLength);
    expect(decodeValue(encodeValue(views))).not.toBe(decoded);
  });

  it('does not share memory with the bytes that it is read from', () => {
    const encoded = encodeValue(new Uint8Array([1, 2])) as Uint8Array;
    const value = decodeValue(encoded) as Uint8Array;
    encoded.fill(0);

    expect([...value]).toEqual([1, 2]);
  });

  it('of an earlier release is read', () => {
    expect(decodeValue(serialize(views))).toStrictEqual(structuredClone(views));
  });

  it('takes no more room than a view itself', () => {
    const encoded = encodeValue([new Uint8Array(4e6).subarray(0, 16)]) as Uint8Array;

    expect(encoded.length).toBeLessThan(100);
  });

  it('copies shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(3);

    expect(decodeValue(encodeValue(shared))).toStrictEqual(new Uint8Array([3, 3]));
    expect(() => encodeValue(new SharedArrayBuffer(2))).toThrow('could not be cloned');
  });

  it('may be nested, and is refused when it is nested too deeply', () => {
    const nested = (levels: number): unknown =>
      Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1);

    expect(decodeValue(encodeValue(nested(1500)))).toBeDefined();
    for (const levels of [1501, 100_000])
      expect(() => encodeValue(nested(levels))).toThrow(
        expect.objectContaining({ code: 'HEDDLE_NOT_CLONEABLE' }),
      );
  });

  it('is refused when its text is longer than a string can be', () => {
    // Such a text takes a gigabyte to make.
    const stringify = vi.spyOn(JSON, 'stringify').mockImplementationOnce(() => {
      throw new RangeError('Invalid string length');
    });

    expect(() => encodeValue({ a: 1 })).toThrow(expect.objectContaining({ code: 'HEDDLE_NOT_CLONEABLE' }));
    expect(encodeValue({ a: 1 })).toBe('{"a":1}');
    stringify.mockRestore();
  });
});
