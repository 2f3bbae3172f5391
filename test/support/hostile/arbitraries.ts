/** Arbitrary plans: any tasks, any source, any way to run and to read. What they may come to is in fates.ts. */

import fc from 'fast-check';
import type { Executor, HostileInput, Plan, SourceSpec, ValueSpec } from './plan.js';

const spec = (is: string, fields: object = {}): ValueSpec => ({ is, ...fields });
const constants = (...specs: ValueSpec[]): fc.Arbitrary<ValueSpec> => fc.constantFrom(...specs);

const TYPES = ['Uint8Array', 'Int16Array', 'Float32Array', 'BigUint64Array'];

/** A record as code writes it, which prints well. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

/** Values that every executor gives out. */
export const harmlessValue: fc.Arbitrary<ValueSpec> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }).map((value) => spec('plain', { value })),
  constants(
    spec('undefined'),
    spec('number', { text: 'NaN' }),
    spec('number', { text: '-0' }),
    spec('regexp'),
  ),
  fc.bigInt().map((n) => spec('bigint', { text: String(n) })),
  fc.array(fc.tuple(fc.string(), fc.integer()), { maxLength: 3 }).map((entries) => spec('map', { entries })),
  fc.string({ maxLength: 20 }).map((text) => spec('pooled', { text })),
  record({
    type: fc.constantFrom(...TYPES),
    bytes: fc.constantFrom(64, 4096, 100_000),
    from: fc.constantFrom(0, 8, 16),
    length: fc.nat({ max: 4 }),
  }).map((fields) => spec('view', fields)),
  fc.integer({ min: 1, max: 300 }).map((depth) => spec('deep', { depth })),
  constants(
    spec('hole'),
    spec('cycle'),
    spec('point', { x: 1, y: 2 }),
    spec('otherRealm'),
    spec('domException'),
  ),
  fc.integer({ min: 0, max: 300_000 }).map((length) => spec('text', { length })),
  fc.constantFrom(true, 1, 'text').map((value) => spec('boxed', { value })),
);

/** Values that cannot be looked at, copied or kept, or not by every executor. */
export const hostileValue: fc.Arbitrary<ValueSpec> = fc.oneof(
  constants(
    ...['getter', 'nestedGetter', 'revoked', 'throwingProxy', 'lyingProxy', 'proxy', 'toJsonThrows'].map(
      (is) => spec(is),
    ),
    ...['function', 'symbol', 'thenThrows', 'thenRejects', 'thenTwice', 'url'].map((is) =>
      spec(is, { href: 'a:b' }),
    ),
  ),
  fc.constantFrom(3000, 30_000).map((depth) => spec('deep', { depth })),
  fc.constantFrom(24, 60).map((levels) => spec('shared', { levels })),
);

const errorValue: fc.Arbitrary<ValueSpec> = fc
  .constantFrom(
    ...[
      'plain',
      'selfCause',
      'throwingGetter',
      'longMessage',
      'oddNames',
      'uncloneable',
      'deepField',
      'proxyCause',
      'thenable',
    ],
  )
  .map((how) => spec('error', { how }));

const input = (
  doing: string,
  fields: Record<string, fc.Arbitrary<unknown>> = {},
): fc.Arbitrary<HostileInput> => record({ do: fc.constant(doing), ...fields }) as fc.Arbitrary<HostileInput>;

const anywhere: fc.Arbitrary<HostileInput> = fc.oneof(
  { weight: 4, arbitrary: input('return', { value: harmlessValue }) },
  { weight: 2, arbitrary: input('returnLater', { value: harmlessValue, turns: fc.nat({ max: 5 }) }) },
  { weight: 2, arbitrary: input('return', { value: hostileValue }) },
  input('returnLater', { value: hostileValue }),
  { weight: 2, arbitrary: input('describe', { carried: hostileValue }) },
  input('echo', { carried: harmlessValue }),
  input('throw', { value: fc.oneof(errorValue, harmlessValue, hostileValue) }),
  input('reject', { value: fc.oneof(errorValue, harmlessValue) }),
  input('context'),
  input('transfer'),
  input('listen'),
  input('never'),
);

/** Only a thread of its own survives these. */
const onThreads: fc.Arbitrary<HostileInput> = fc.oneof(
  { weight: 6, arbitrary: anywhere },
  input('exit'),
  input('exitLater'),
  input('uncaught'),
  input('unhandled'),
  input('block'),
  input('leak'),
);

/** Names of what ends or blocks its thread, and with it whatever else the thread executes at the time. */
export const KILLERS: readonly string[] = ['exit', 'exitLater', 'uncaught', 'unhandled', 'block'];

/** Options of a run that changes nothing about what tasks come to. */
function optionsOf(inputs: readonly HostileInput[]): fc.Arbitrary<object> {
  const isShared = !inputs.some(({ do: doing }) => KILLERS.includes(doing));
  return record({
    order: fc.constantFrom('input', 'completion'),
    chunk: fc.constantFrom('auto', 1, 4),
    window: fc.constantFrom('auto', 1, 3),
    concurrency: isShared ? fc.constantFrom(undefined, 1, 5) : fc.constant(undefined),
    timeoutMs: fc.constant(400),
    graceMs: fc.constant(50),
    retry: fc.constantFrom({ attempts: 1 }, { attempts: 2, backoffMs: 1 }),
  });
}

/** A batch of hostile tasks, for one executor. */
export function hostilePlan(executor: Executor): fc.Arbitrary<Plan> {
  const tasks = executor === 'threads' ? onThreads : anywhere;
  return fc.array(tasks, { minLength: 1, maxLength: 7 }).chain((inputs) =>
    record({
      executor: fc.constant(executor),
      inputs: fc.constant(inputs),
      lane: fc.boolean(),
      events: fc.boolean(),
      options: optionsOf(inputs),
      source: record({ kind: fc.constantFrom('array', 'generator', 'asyncGenerator', 'readable') }),
    }),
  ) as fc.Arbitrary<Plan>;
}

const KINDS = ['generator', 'asyncGenerator', 'iterator', 'asyncIterator', 'readable', 'webStream'];
const LIES = ['NaN', 'negative', 'fraction', 'infinite', 'text', 'tooMany', 'tooFew'];

const hostileSource = (count: number): fc.Arbitrary<SourceSpec> =>
  record({
    kind: fc.constantFrom(...KINDS),
    fail: fc.option(record({ at: fc.nat({ max: count }), how: fc.constantFrom('throw', 'hang') }), {
      nil: undefined,
    }),
    lies: fc.option(
      fc.oneof(record({ length: fc.constantFrom(...LIES) }), record({ size: fc.constantFrom(...LIES) })),
      { nil: undefined },
    ),
  }) as fc.Arbitrary<SourceSpec>;

/** A batch of harmless tasks from a hostile source, read in any way. */
export const sourcePlan: fc.Arbitrary<Plan> = record({
  executor: fc.constantFrom('threads', 'inline', 'inline', 'module'),
  count: fc.integer({ min: 0, max: 12 }),
}).chain(({ executor, count }) =>
  record({
    executor: fc.constant(executor),
    inputs: fc.array(input('return', { value: harmlessValue }), { minLength: count, maxLength: count }),
    source: hostileSource(count),
    lane: fc.boolean(),
    events: fc.boolean(),
    options: record({
      order: fc.constantFrom('input', 'completion'),
      window: fc.constantFrom('auto', 1, 3),
      chunk: fc.constantFrom('auto', 1, 4),
    }),
    read: fc.oneof(
      record({ by: fc.constantFrom('iterate', 'outcomes', 'values', 'report') }),
      record({ by: fc.constantFrom('break', 'abort'), after: fc.nat({ max: 2 }) }),
    ),
  }),
) as fc.Arbitrary<Plan>;
