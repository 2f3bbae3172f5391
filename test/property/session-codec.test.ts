/** A session reads back what it wrote: values, errors, keys, ids, frames, and journals cut off anywhere. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { decodeValue, encodeValue } from '../../src/protocol/encoded-value.js';
import { type SerializedError, serializeError } from '../../src/protocol/serialized-error.js';
import { encodeFrame, scanFrames } from '../../src/session/frames.js';
import { IdTable } from '../../src/session/id-table.js';
import {
  type BodyReader,
  hashIdOf,
  idOf,
  type NewRecord,
  noteLine,
  parseRecord,
  readBody,
  recordLine,
} from '../../src/session/record.js';
import { recover } from '../../src/session/recovery.js';

const root = fs.mkdtempSync(join(fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'heddle-codec-'));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

const text = fc.string({ unit: 'binary' });
const anyText = fc.oneof(
  text,
  fc.constantFrom('\n', '"', '#H1 ', '\n#H1 0 1 1 0\n', '\u2028', '\\', '\0', '__proto__'),
);
/** Plain data; a property that is undefined is left out by JSON, which is documented. */
const plain = fc.anything({
  key: anyText,
  values: [
    fc.boolean(),
    fc.double(),
    fc.integer(),
    anyText,
    fc.constant(null),
    fc.bigInt(),
    fc.date({ noInvalidDate: false }),
  ],
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withBigInt: true,
  withSparseArray: true,
});

const throughDisk = (value: unknown): unknown => {
  const line = recordLine(idOf('key'), { ...SAMPLE, content: encodeValue(value) });
  return parseRecord(line.slice(0, -1)).value;
};
const SAMPLE: Omit<NewRecord, 'content'> = {
  key: 'key',
  index: 0,
  status: 'succeeded',
  attempts: 1,
  startedAt: undefined,
  durationMs: 1,
  workerId: undefined,
};

it('JSON values come back equal, as JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false } as never), (value) => {
      const encoded = encodeValue(value);
      if (!JSON.stringify([value]).includes('-0') && !hasMinusZero(value))
        expect(typeof encoded).toBe('string');
      expect(decodeValue(encoded)).toStrictEqual(structuredClone(value));
      expect(throughDisk(value)).toStrictEqual(structuredClone(value));
    }),
    { numRuns: 500 },
  );
});

function hasMinusZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasMinusZero);
}

it('all that structured clone can copy comes back equal', () => {
  fc.assert(
    fc.property(plain, (value) => {
      expect(decodeValue(encodeValue(value))).toEqual(structuredClone(value));
      expect(throughDisk(value)).toEqual(structuredClone(value));
    }),
    { numRuns: 500 },
  );
});

it.each([
  ['-0', -0],
  ['NaN', Number.NaN],
  ['an infinity', Number.NEGATIVE_INFINITY],
  ['an invalid date', new Date(Number.NaN)],
  ['a map of maps', new Map([[{ a: 1 }, new Map([[1n, new Set([undefined, null])]])]])],
  ['an array with a hole', Object.assign(new Array(3), { 0: 1, 2: 3 })],
  ['a typed array with an offset', new Float64Array(new ArrayBuffer(32), 8, 2).fill(0.5)],
  ['a regular expression', /a"b/giu],
  ['an error', new RangeError('no', { cause: 1 })],
  ['lone surrogates', { '\ud800': ['\udfff', '\ud83d\ude00'] }],
  ['undefined', undefined],
  ['null', null],
  ['deep', Array.from({ length: 200 }).reduce((inner) => [inner], 1)],
] as [string, unknown][])('%s', (_, value) => {
  expect(throughDisk(value)).toStrictEqual(structuredClone(value));
});

it('cycles', () => {
  const value: Record<string, unknown> = { a: [1], b: new Map() };
  value['self'] = value;
  (value['a'] as unknown[]).push(value, value);
  const back = throughDisk(value) as typeof value;

  expect(back['self']).toBe(back);
  expect((back['a'] as unknown[])[2]).toBe(back);
});

const records: fc.Arbitrary<NewRecord> = fc
  .record({
    key: fc.oneof(
      anyText,
      fc.stringMatching(/^[0-9a-f]{32}$/),
      fc.stringMatching(/^[0-9a-f]{32}-[1-9]\d{0,8}$/),
    ),
    index: fc.nat({ max: 2 ** 32 - 1 }),
    attempts: fc.nat({ max: 100 }),
    startedAt: fc.option(fc.nat({ max: 2 ** 45 } as never), { nil: undefined }),
    durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    workerId: fc.option(fc.nat({ max: 64 }), { nil: undefined }),
    outcome: fc.oneof(
      plain.map((value) => ({ status: 'succeeded' as const, value })),
      fc
        .oneof(
          anyText.map((message) => new TypeError(message)),
          plain,
        )
        .map((thrown) => ({
          status: 'failed' as const,
          value: serializeError(thrown) as unknown,
        })),
    ),
  })
  .map(({ outcome: { status, value }, ...rest }) => ({ ...rest, status, content: encodeValue(value) }));

it('any outcome, under any key, is a line that is found without parsing and parsed again', () => {
  fc.assert(
    fc.property(fc.array(records, { minLength: 1, maxLength: 5 }), (list) => {
      const lines = list.map((record) => recordLine(idOf(record.key), record));
      const note = noteLine({ '@gone': [idOf('x')] });
      const body = Buffer.from(note + lines.join(note) + note);
      const seen: [string, string, number, string][] = [];
      let notes = 0;
      const reader: BodyReader = {
        onOutcome: (idAt, status, index, from, to) =>
          seen.push([
            body.toString('latin1', idAt, idAt + 32),
            status,
            index,
            body.toString('utf8', from, to),
          ]),
        onNote: () => notes++,
      };
      readBody(body, reader);

      expect(notes).toBe(list.length + 1);
      expect(seen).toEqual(list.map((r, i) => [idOf(r.key), r.status, r.index, lines[i]?.slice(0, -1)]));
      for (const [i, record] of list.entries()) {
        const found = parseRecord(seen[i]?.[3] as string);
        const { content, status, key: _, ...same } = record;
        expect(found).toMatchObject(same);
        expect(found.key).toBe(record.key);
        expect(status === 'failed' ? found.error : found.value).toEqual(
          decodeValue(content) as SerializedError,
        );
      }
    }),
    { numRuns: 300 },
  );
});

it('keys that are different have different ids', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyText, { minLength: 2, maxLength: 20 }), (keys) => {
      expect(new Set(keys.map(idOf)).size).toBe(keys.length);
    }),
  );
});

it('a key that ends in -1 is not the hash in front of it', () => {
  const hash = 'd41d8cd98f00b204e9800998ecf8427e';
  const ids = [hash, ...Array.from({ length: 30 }, (_, i) => `${hash}-${i + 2}`)].map(hashIdOf);

  expect(new Set(ids).size).toBe(ids.length);
  expect(hashIdOf(`${hash}-2`)).toBe('d41d8cd98f00b204e9800998ecf8427f');
});

it('keys that differ by a lone surrogate only have different ids', () => {
  expect(idOf('\ud800')).not.toBe(idOf('\ud801'));
});

it('a table of ids is a map', () => {
  const id = fc.oneof(
    fc.stringMatching(/^[0-9a-f]{32}$/),
    fc.nat({ max: 3000 }).map((n) => n.toString(16).padStart(32, '0')),
  );
  const many = Array.from({ length: 3000 }, (_, n) => idOf(`task ${n}`));
  fc.assert(
    fc.property(fc.array(id, { maxLength: 50 }), fc.boolean(), (ids, isMany) => {
      const table = new IdTable();
      const map = new Map<string, number>();
      for (const each of isMany ? [...many, ...ids, ...many] : [...ids, ...ids]) {
        expect(table.find(each)).toBe(map.get(each) ?? -1);
        const slot = map.get(each) ?? map.size;
        map.set(each, slot);
        const bytes = Buffer.from(`..${each}`);
        if ((slot & 1) === 0 ? table.add(each) !== slot : table.addBytes(bytes, 2) !== slot)
          expect.fail(`${each} has another slot`);
      }
      expect(table.size).toBe(map.size);
      for (const [each, slot] of map) if (table.idAt(slot) !== each) expect.fail(`slot ${slot}`);
    }),
    { numRuns: 25 },
  );
});

it('frames come back as they were', async () => {
  const path = join(root, 'frames');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 }), async (bodies) => {
      fs.writeFileSync(path, Buffer.concat(bodies.map((body, i) => encodeFrame('f', body, i, i))));
      const fd = fs.openSync(path, 'r');
      const found: [Uint8Array, number][] = [];
      const scan = await scanFrames(fd, 'f', { sealedAt: undefined, atLeast: 0 }, ({ body, records: n }) =>
        found.push([new Uint8Array(body), n]),
      );
      fs.closeSync(fd);

      expect(found).toEqual(bodies.map((body, i) => [body, i]));
      expect(scan).toMatchObject({ damages: [], tornBytes: 0, frames: bodies.length });
    }),
    { numRuns: 150 },
  );
});

it('writers that append by turns, each cut off anywhere: a prefix of each is there, by epoch', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const appends = fc.array(fc.tuple(fc.nat({ max: 2 }), fc.array(key, { minLength: 1, maxLength: 3 })), {
    maxLength: 15,
  });
  const cuts = fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  await fc.assert(
    fc.asyncProperty(appends, cuts, async (list, cut) => {
      const folder = fs.mkdtempSync(join(root, 'journals-'));
      const expected = new Map<string, number>();
      let torn = 0;
      for (const writer of [0, 1, 2]) {
        // Shards of the same count do not seal each other.
        const file = `l-00000${writer + 1}-${writer + 1}of3-aa-0000000000000000000${writer}.log`;
        const frames: { readonly end: number; readonly values: [string, number][] }[] = [];
        let bytes = Buffer.alloc(0);
        for (const [i, [who, keys]] of list.entries()) {
          if (who !== writer) continue;
          const values = keys.map((each, k): [string, number] => [each, i * 10 + k]);
          const lines = values.map(([each, value]) =>
            recordLine(idOf(each), { ...SAMPLE, key: each, content: String(value) }),
          );
          bytes = Buffer.concat([
            bytes,
            encodeFrame(file, Buffer.from(lines.join('')), lines.length, frames.length),
          ]);
          frames.push({ end: bytes.length, values });
        }
        const length = Math.floor((cut[writer] as number) * bytes.length);
        fs.writeFileSync(join(folder, file), bytes.subarray(0, length));
        const whole = frames.filter(({ end }) => end <= length);
        for (const { values } of whole) for (const [each, value] of values) expected.set(each, value);
        torn += length - (whole.at(-1)?.end ?? 0);
      }
      const { recorded, damages, tornBytes } = await recover(folder, { marks: {}, sync: false });
      const found = new Map<string, number>();
      for (const slot of recorded.slots()) {
        const outcome = recorded.read(slot);
        found.set(outcome.key, outcome.value as number);
      }
      recorded.close();
      fs.rmSync(folder, { recursive: true });

      expect([damages, tornBytes]).toEqual([[], torn]);
      expect(found).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});
