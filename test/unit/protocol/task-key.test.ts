import { describe, expect, it } from 'vitest';
import { taskKey } from '../../../src/protocol/task-key.js';

describe('the key of an input', () => {
  it('does not depend on the order of properties', () => {
    expect(taskKey({ a: 1, b: { c: 2, d: 3 } })).toBe(taskKey({ b: { d: 3, c: 2 }, a: 1 }));
  });

  it('differs for inputs that differ, also where JSON would not tell', () => {
    const circular: unknown[] = [];
    circular.push(circular);
    const inputs = [
      'a',
      'b',
      '1',
      1,
      1n,
      true,
      'true',
      null,
      'null',
      undefined,
      'undefined',
      Number.NaN,
      [],
      {},
      [[]],
      [1],
      ['1'],
      [1, 2],
      [[1], 2],
      new Map(),
      new Map([[1, 2]]),
      new Set(),
      new Set([1]),
      new Date(0),
      new Date(1),
      /a/,
      /a/g,
      new Uint8Array(1),
      new Uint8Array(2),
      new Int8Array(1),
      new ArrayBuffer(1),
      { a: undefined },
      { a: null },
      circular,
      new Error('x'),
    ];

    expect(new Set(inputs.map(taskKey)).size).toBe(inputs.length);
  });

  it('is stable between releases', () => {
    expect(taskKey('node_modules/a.js')).toMatchInlineSnapshot(`"ebb906576ba4973ea06a189e72ad167f"`);
    expect(taskKey({ url: 'https://example.com', n: [1, 2.5, null] })).toMatchInlineSnapshot(
      `"631ed24220eb52f7a1d547e8a9edff0e"`,
    );
  });
});
