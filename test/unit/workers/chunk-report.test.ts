/** Reports of a chunk: what is sent, and that one value that cannot be sent fails its own task only. */

import { describe, expect, it } from 'vitest';
import { decodeValue, type EncodedValue } from '../../../src/protocol/encoded-value.js';
import type { AttemptFailure, SettledMessage } from '../../../src/protocol/messages.js';
import { ChunkReport } from '../../../src/workers/chunk-report.js';

/** What arrives when tasks end with these values. */
function reported(values: readonly (() => unknown)[], encoded = false): SettledMessage[] {
  const arrived: SettledMessage[] = [];
  const work = { id: 1, inputs: values, isEncoded: encoded } as unknown as ConstructorParameters<
    typeof ChunkReport
  >[0];
  const report = new ChunkReport(work, (message, transfer) => {
    arrived.push(structuredClone(message, { transfer: transfer as ArrayBuffer[] }));
  });
  for (const [position, make] of values.entries()) {
    report.begin(position);
    try {
      report.succeed(make());
    } catch (error) {
      report.fail(position, error, false);
    }
    report.end(position + 1);
  }
  report.flush(true);
  return arrived;
}

/** How each task ended: its value, or the code of its error. */
function endings(messages: readonly SettledMessage[], encoded = false): unknown[] {
  return messages.flatMap(({ from, values, others }) =>
    values.map((value, i) => {
      const other = others?.find(({ position }) => position === from + i) as AttemptFailure | undefined;
      if (other !== undefined) return other.error.code;
      return encoded ? decodeValue(value as EncodedValue) : value;
    }),
  );
}

function fail(): never {
  throw new Error('trap');
}
const hostile: [string, () => unknown][] = [
  ['a function', () => fail],
  ['a getter that throws', () => Object.defineProperty({}, 'x', { get: fail, enumerable: true })],
  [
    'a getter that throws what cannot be read',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      const get = (): never => {
        throw proxy;
      };
      return { inner: Object.defineProperty({}, 'x', { get, enumerable: true }) };
    },
  ],
  [
    'a revoked proxy',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
  ],
  ['a proxy that throws', () => new Proxy({}, { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail })],
  ['a Promise within', () => ({ promise: Promise.resolve() })],
  ['deep nesting', () => Array.from({ length: 50_000 }).reduce<unknown>((inner) => ({ inner }), 1)],
];

describe.each([
  ['', false],
  [' for a session', true],
])('a value that cannot be sent%s', (_, encoded) => {
  it.each(hostile)('fails its task alone: %s', (_name, make) => {
    const messages = reported([() => 1, make, () => ({ a: 2 })], encoded);

    expect(endings(messages, encoded)).toEqual([1, 'HEDDLE_NOT_CLONEABLE', { a: 2 }]);
  });
});

it('a view is sent without the buffer around it', () => {
  const messages = reported([() => ({ rows: [new Uint8Array(4e6).subarray(0, 16)] })]);
  const [value] = endings(messages) as [{ rows: [Uint8Array] }];

  expect(value.rows[0].buffer.byteLength).toBe(16);
});

it('a value is equal with and without a session', () => {
  const make = (): unknown => ({
    file: Buffer.from('abc'),
    part: new Uint8Array(100).subarray(1, 3),
    at: new Date(0),
  });

  expect(endings(reported([make], true), true)).toStrictEqual(endings(reported([make])));
});
