/** K2: a session or a cache never gives a value to another input. Inputs are told apart, or refused with HEDDLE_INVALID_KEY. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime, isHeddleError, type Outcome, type Runtime } from 'heddle';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { make } from '../support/hostile/fixtures.js';

const runtime: Runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'heddle-identity-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Pair {
  readonly name: string;
  readonly a: unknown;
  readonly b: unknown;
  /** What a task can see of an input. */
  readonly look: (input: unknown) => unknown;
}

const pair = <T>(name: string, a: T, b: T, look: (input: T) => unknown): Pair => ({
  name,
  a,
  b,
  look: look as Pair['look'],
});
const boxed = (value: unknown): object => Object(value);
const filled = <T extends ArrayBuffer | SharedArrayBuffer>(buffer: T): T => {
  new Uint8Array(buffer).fill(7);
  return buffer;
};
const nameOf = (value: unknown) => Object.prototype.toString.call(value);

class Celsius {
  readonly degrees: number;
  constructor(degrees: number) {
    this.degrees = degrees;
  }
}
class Fahrenheit extends Celsius {}

const PAIRS: readonly Pair[] = [
  pair('URLs', new URL('a:1'), new URL('b:1'), (it) => it.href),
  pair('search parameters', new URLSearchParams('a=1'), new URLSearchParams('a=2'), String),
  pair('headers', new Headers({ a: '1' }), new Headers({ a: '2' }), (it) => it.get('a')),
  pair('blobs', new Blob(['ab']), new Blob(['cd']), (it) => it.text()),
  pair('boxed booleans', boxed(true), boxed(false), (it) => it.valueOf()),
  pair('boxed numbers', boxed(1), boxed(2), (it) => it.valueOf()),
  pair('boxed bigints', boxed(1n), boxed(2n), (it) => String(it.valueOf())),
  pair('boxed symbols', boxed(Symbol('a')), boxed(Symbol('b')), (it) => String(it.valueOf())),
  pair('a boxed string and an object', boxed('a'), { 0: 'a' }, (it) => it.toString()),
  pair<unknown>('a boxed number and a number', boxed(1), 1, (it) => typeof it),
  pair(
    'named fields of arrays',
    make({ is: 'arrayWithFields', fields: { page: 1 } }) as { page: number },
    make({ is: 'arrayWithFields', fields: { page: 2 } }) as { page: number },
    (it) => it.page,
  ),
  pair('a hole and undefined', new Array(1), [undefined], (it) => 0 in it),
  pair('causes', new Error('x', { cause: 1 }), new Error('x', { cause: 2 }), (it) => it.cause),
  pair(
    'fields of errors',
    Object.assign(new Error('x'), { status: 1 }),
    Object.assign(new Error('x'), { status: 2 }),
    (it) => it.status,
  ),
  pair(
    'errors of errors',
    new AggregateError([new Error('a')], 'x'),
    new AggregateError([new Error('b')], 'x'),
    (it) => it.errors[0].message,
  ),
  pair('zero and minus zero', 0, -0, (it) => Object.is(it, -0)),
  pair<ArrayBuffer | SharedArrayBuffer>(
    'shared and plain memory',
    filled(new ArrayBuffer(2)),
    filled(new SharedArrayBuffer(2)),
    nameOf,
  ),
  pair('private fields', make({ is: 'private', secret: 1 }), make({ is: 'private', secret: 2 }), (it) =>
    String((it as { secret: number }).secret),
  ),
  pair('promises', Promise.resolve(1), Promise.resolve(2), (it) => it),
  pair('iterators', [1].values(), [2].values(), (it) => nameOf(it)),
  pair('invalid dates and dates', new Date(Number.NaN), new Date(0), (it) => it.getTime() === 0),
  pair('flags', /a/g, /a/i, (it) => it.flags),
  pair('classes of bytes', new Uint8Array([1, 2]), new Int8Array([1, 2]), nameOf),
  pair('a map and a set', new Map([[1, 1]]), new Set([[1, 1]]), nameOf),
  pair(
    'order of a map',
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
    new Map([
      ['b', 2],
      ['a', 1],
    ]),
    (it) => [...it.keys()],
  ),
  pair<unknown>('text and number', '1', 1, (it) => typeof it),
  pair('undefined and null', undefined, null, (it) => typeof it),
  pair('symbols', Symbol('a'), Symbol('b'), (it) => it.description),
  pair(
    'a cycle and its text',
    make({ is: 'cycle' }),
    { name: 'cycle', list: [1, 'circular:1'] },
    (it) => typeof (it as { list: unknown[] }).list[1],
  ),
];

/** These differ in what structured clone leaves out, so only functions see a difference. */
const PAIRS_OF_CLOSURES: readonly Pair[] = [
  pair('closures', ...([1, 2].map((n) => () => n) as [() => number, () => number]), (it) => it()),
  pair(
    'bound functions',
    ...([1, 2].map((n) => String.bind(null, n)) as [() => string, () => string]),
    (it) => it(),
  ),
  pair('classes of instances', new Celsius(1), new Fahrenheit(1), (it) => it.constructor.name),
  pair(
    'fields named by symbols',
    { [Symbol.for('k')]: 1 },
    { [Symbol.for('k')]: 2 },
    (it) => it[Symbol.for('k')],
  ),
];

/** Each input has its own value, or none because its identity is refused. */
function expectOwn(outcomes: readonly Outcome[], expected: readonly unknown[]): void {
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === 'failed') expect(outcome.error).toMatchObject({ code: 'HEDDLE_INVALID_KEY' });
    else expect(outcome).toMatchObject({ status: 'succeeded', value: expected[i] });
  }
  expect(outcomes).toHaveLength(expected.length);
}

async function runKept(look: Pair['look'], inputs: readonly unknown[]): Promise<Outcome[] | 'refused'> {
  try {
    return await runtime
      .run(look, inputs, { session: { path: join(root, 'session'), force: true } })
      .outcomes();
  } catch (error) {
    if (isHeddleError(error, 'HEDDLE_INVALID_KEY')) return 'refused';
    throw error;
  }
}

describe.each([...PAIRS, ...PAIRS_OF_CLOSURES])('K2: inputs that are different: $name', ({ a, b, look }) => {
  it('have their own values in a session that is resumed in another order', async () => {
    const expected = [await look(a), await look(b)];

    const first = await runKept(look, [a, b]);
    const second = await runKept(look, [b, a]);

    if (first !== 'refused') expectOwn(first, expected);
    if (second !== 'refused') expectOwn(second, expected.reverse());
  });

  it('have their own values when one follows the other', async () => {
    const expected = [await look(a), await look(b)];

    const first = await runKept(look, [a]);
    const second = await runKept(look, [b]);

    if (first !== 'refused') expectOwn(first, expected.slice(0, 1));
    if (second !== 'refused') expectOwn(second, expected.slice(1));
  });
});

describe('K2: keys', () => {
  it('of plain data are what they always were', async () => {
    const plain = [null, true, 1.5, 'text', [1, [2]], { b: [1], a: { c: null } }];

    const outcomes = await runtime.run((input: unknown) => input, plain).outcomes();

    expect(outcomes.map(({ key }) => key)).toEqual([
      '74234e98afe7498fb5daf1f36ac2d78a',
      'b5bea41b6c623f7c09f1bf24dcae58eb',
      '9f29a130438b81170b92a42650f9a942',
      '1e1d0f251d3a76fa2b1bfc8116407857',
      'f0a3b3a97cad28da4f115aead7b6aeeb',
      '619faa4242c6f71c9e83922e5b768673',
    ]);
  });
});
