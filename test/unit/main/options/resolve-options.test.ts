import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chunkForParallel,
  executeInParallel,
  getOptimalConcurrency,
} from '../../../../src/main/api/execute-in-parallel.js';
import { task } from '../../../../src/main/api/task-reference.js';
import { resolveRunOptions, resolveRuntimeOptions } from '../../../../src/main/options/resolve-options.js';

describe('an impossible option is refused with its name, what was expected, and what came', () => {
  it.each([
    [{ concurrency: 0 }, 'concurrency', /`concurrency` to be an integer from 1 .* got 0 \(number\)/],
    [{ concurrency: 1.5 }, 'concurrency', /got 1.5/],
    [{ concurrency: '4' }, 'concurrency', /got "4"/],
    [{ concurency: 4 }, 'concurency', /did you mean `concurrency`/],
    [{ order: 'random' }, 'order', /"input" or "completion"/],
    [{ window: 0 }, 'window', /or "auto"/],
    [{ timeoutMs: 0 }, 'timeoutMs', /milliseconds from 1/],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, 'timeoutMs', /milliseconds/],
    [{ timeoutMs: 2 ** 31 }, 'timeoutMs', /milliseconds/],
    [{ graceMs: -1 }, 'graceMs', /milliseconds from 0/],
    [{ retry: 3 }, 'retry', /\{ attempts: 3 \}/],
    [{ retry: { attempts: 0 } }, 'retry.attempts', /from 1/],
    [{ retry: { attempt: 2 } }, 'retry.attempt', /did you mean `retry.attempts`/],
    [{ retry: { factor: 0.5 } }, 'retry.factor', /1 to 100/],
    [{ retry: { retryIf: true } }, 'retry.retryIf', /a function/],
    [{ maxFailures: '5' }, 'maxFailures', /"5%"/],
    [{ maxFailures: '150%' }, 'maxFailures', /"5%"/],
    [{ failFast: true, maxFailures: 3 }, 'maxFailures', /contradict/],
    [{ chunk: 0 }, 'chunk', /or "auto"/],
    [{ key: 'id' }, 'key', /a function/],
    [{ signal: {} }, 'signal', /an AbortSignal/],
    [{ services: { a: 1 } }, 'services.a', /a function/],
    [{ total: -1 }, 'total', /from 0/],
  ])('%j', (options, option, message) => {
    expect(() => resolveRunOptions(options as never)).toThrowError(
      expect.objectContaining({
        code: 'HEDDLE_INVALID_OPTION',
        option,
        message: expect.stringMatching(message),
      }),
    );
  });

  it.each([
    [{ threads: 0 }, 'threads'],
    [{ threads: 'many' }, 'threads'],
    [{ memoryLimitMb: 1 }, 'memoryLimitMb'],
    [{ taskOutput: 'nowhere' }, 'taskOutput'],
    [{ env: 'A=1' }, 'env'],
    [{ thread: 2 }, 'thread'],
  ])('runtime %j', (options, option) => {
    expect(() => resolveRuntimeOptions(options as never)).toThrowError(expect.objectContaining({ option }));
  });
});

it('defaults are what the documentation says', () => {
  const { services, retry, ...rest } = resolveRunOptions();

  expect(services).toEqual({});
  expect(retry).toMatchObject({ attempts: 1, backoffMs: 100, factor: 2, maxDelayMs: 30_000, jitter: 'full' });
  expect(rest).toEqual({
    cache: undefined,
    concurrency: undefined,
    retryFailed: false,
    hasRetry: false,
    lane: undefined,
    locks: undefined,
    session: undefined,
    shard: undefined,
    order: 'input',
    window: 'auto',
    timeoutMs: undefined,
    graceMs: 10_000,
    deadlineMs: undefined,
    failureLimit: undefined,
    chunk: 'auto',
    key: undefined,
    total: undefined,
    signal: undefined,
    onProgress: undefined,
    onOutcome: undefined,
  });
});

class Instance {
  get concurrency(): number {
    return 2;
  }
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const throwing = (name: string) =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get: () => {
      throw new Error('no');
    },
  });

describe('options that are no plain object are refused, whatever they do when they are read', () => {
  const hostile: [string, unknown][] = [
    ['null', null],
    ['an array', []],
    ['an instance of a class', new Instance()],
    ['a text', 'text'],
    ['a function', () => {}],
    ['a Map', new Map()],
    ['a revoked proxy', revoked()],
  ];
  const refusal = (option: string) => expect.objectContaining({ code: 'HEDDLE_INVALID_OPTION', option });

  it.each(hostile)('%s', (_name, value) => {
    expect(() => resolveRunOptions(value as never)).toThrowError(refusal('run'));
    expect(() => resolveRuntimeOptions(value as never)).toThrowError(refusal('createRuntime'));
    expect(() => task('/x.js', value as never)).toThrowError(refusal('task'));
    for (const name of ['retry', 'shard'])
      expect(() => resolveRunOptions({ [name]: value } as never)).toThrowError(refusal(name));
    expect(() => resolveRuntimeOptions({ lanes: { api: value as never } })).toThrowError(
      refusal('lanes.api'),
    );
    for (const name of ['retry', 'breaker'])
      expect(() => resolveRunOptions({ lane: { [name]: value } as never })).toThrowError(
        refusal(`lane.${name}`),
      );
  });

  it.each(['concurrency', 'retry', 'lane', 'session', 'services', 'signal'])(
    'a getter of %s that throws',
    (name) => {
      expect(() => resolveRunOptions(throwing(name))).toThrowError(refusal(name));
    },
  );

  it('a getter within an option that throws', () => {
    expect(() => resolveRunOptions({ retry: throwing('attempts') })).toThrowError(refusal('retry.attempts'));
    expect(() => resolveRunOptions({ services: throwing('load') })).toThrowError(refusal('services.load'));
    expect(() => resolveRunOptions({ lane: { rate: [throwing('limit')] } } as never)).toThrowError(
      refusal('lane.rate[0].limit'),
    );
  });

  it('anything at all gives options or an OptionError', () => {
    const names = Object.keys(resolveRunOptions()).concat('failFast', 'maxFailures');
    const lane = fc.record(
      Object.fromEntries(
        ['concurrency', 'rate', 'budgets', 'accounts', 'retry', 'breaker', 'classify'].map((name) => [
          name,
          fc.anything(),
        ]),
      ),
      { requiredKeys: [] },
    );
    const value = fc.oneof(fc.anything({ withNullPrototype: true, withObjectString: true }), lane);
    fc.assert(
      fc.property(fc.constantFrom(...names), value, (name, given) => {
        try {
          resolveRunOptions({ [name]: given });
        } catch (error) {
          expect(error).toMatchObject({ code: 'HEDDLE_INVALID_OPTION' });
        }
      }),
    );
  });

  it('each is read once', () => {
    const reads: string[] = [];
    const counting = (options: object, path: string): object =>
      new Proxy(options, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name);
          if (Object.hasOwn(target, name)) reads.push(`${path}${String(name)}`);
          return typeof value === 'object' ? counting(value as object, `${path}${String(name)}.`) : value;
        },
      });
    const options = {
      retry: { attempts: 2 },
      shard: { index: 1, count: 2 },
      lane: { rate: { limit: 7 }, breaker: { openMs: 5 } },
    };

    resolveRunOptions(counting(options, ''));

    expect(reads.sort()).toEqual([
      'lane',
      'lane.breaker',
      'lane.breaker.openMs',
      'lane.rate',
      'lane.rate.limit',
      'retry',
      'retry.attempts',
      'shard',
      'shard.count',
      'shard.index',
    ]);
  });
});

describe('the helpers refuse what they cannot use', () => {
  it.each([
    ['kind', () => getOptimalConcurrency('nope' as never)],
    ['items', () => getOptimalConcurrency('io', Number.NaN)],
    ['capacity', () => getOptimalConcurrency('io', 5, '4' as never)],
    ['size', () => chunkForParallel([1], 1.5)],
    ['concurrency', () => chunkForParallel([1], 1, 0)],
  ])('%s', (option, run) => {
    expect(run).toThrowError(expect.objectContaining({ code: 'HEDDLE_INVALID_OPTION', option }));
  });

  it.each([
    ['operations', null, {}],
    ['operations', [() => 1, 2], {}],
    ['executeInParallel', [], null],
    ['concurency', [], { concurency: 2 }],
    ['onError', [], { onError: true }],
  ])('%s of executeInParallel', async (option, operations, options) => {
    await expect(executeInParallel(operations as never, options as never)).rejects.toMatchObject({
      code: 'HEDDLE_INVALID_OPTION',
      option,
    });
  });
});
