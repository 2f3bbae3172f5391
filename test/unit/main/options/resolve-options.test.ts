import { describe, expect, it } from 'vitest';
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
