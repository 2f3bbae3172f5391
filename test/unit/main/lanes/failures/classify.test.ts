/**
 * What failures mean: each class of failure, in the shape in which client libraries report it, here and from
 * another thread.
 */

import { describe, expect, it } from 'vitest';
import { classifyError } from '../../../../../src/main/lanes/failures/classify.js';
import { HeddleError } from '../../../../../src/protocol/errors.js';
import {
  failure,
  fetchFailed,
  lock,
  NOW,
  named,
  noQuota,
  notDone,
  overload,
  permanent,
  throttle,
  timedOut,
  unknown,
  verdict,
} from '../../../../support/failures.js';

describe('HTTP', () => {
  it.each<[number, object]>([
    [400, permanent],
    [401, { kind: 'permanent', scope: 'task' }],
    [403, { kind: 'permanent', scope: 'task' }],
    [404, permanent],
    [408, notDone],
    [409, permanent],
    [422, permanent],
    [425, notDone],
    // Nothing says that it is about calls in a time: it may be about calls at once.
    [429, { ...throttle, isOverload: true }],
    [500, unknown],
    [501, permanent],
    [502, unknown],
    [503, overload],
    [504, unknown],
    [507, unknown],
    ...[520, 521, 522, 523, 524].map((status): [number, object] => [status, unknown]),
    [529, overload],
  ])('%i', (status, expected) => {
    expect(verdict(failure({ status }))).toEqual(expected);
  });

  it.each([
    ['status', { status: 503 }],
    ['statusCode', { statusCode: 503 }],
    ['a text', { status: '503' }],
    ['axios', { code: 'ERR_BAD_RESPONSE', response: { status: 503, headers: {} } }],
    ['got', { response: { statusCode: 503 } }],
    ['AWS', { $metadata: { httpStatusCode: 503 } }],
    ['a cause', { cause: failure({ cause: failure({ cause: { status: 503 } }) }) }],
  ])('status in %s', (_, fields) => {
    expect(verdict(failure(fields))).toEqual(overload);
  });

  it.each([
    ['the exit code of a process', { status: 1 }],
    ['an exit code that looks like a status', { status: 200 }],
    ['out of range', { status: 4290 }],
    ['a word', { status: 'UNAVAILABLE' }],
    ['a boolean', { status: true }],
  ])('is not %s', (_, fields) => {
    expect(verdict(failure(fields))).toEqual(notDone);
  });

  it('429: as long as the headers say, then it is a matter of rate', () => {
    const told = (headers: unknown) => verdict(failure({ status: 429, headers }));

    expect(told({ 'Retry-After': '7' })).toEqual({ ...throttle, delayMs: 7000 });
    expect(told({ 'retry-after-ms': '250', 'retry-after': '1' })).toEqual({ ...throttle, delayMs: 250 });
    expect(told({ ratelimit: '"a";r=0;t=30' })).toEqual({ ...throttle, delayMs: 30_000 });
    expect(told({ ratelimit: '"a";r=9;t=30' })).toEqual({ ...throttle, isOverload: true });
    expect(verdict(failure({ response: { status: 429, headers: { 'retry-after': '2' } } }))).toEqual({
      ...throttle,
      delayMs: 2000,
    });
  });

  it('429 about calls at once is overload, whatever else it says', () => {
    const error = failure({ status: 429, headers: { 'retry-after': '7' } }, 'Too many concurrent requests');

    expect(verdict(error)).toEqual({ ...throttle, delayMs: 7000, isOverload: true });
  });

  it('takes Headers before they cross a thread', () => {
    const error = failure({ status: 429, headers: new Headers({ 'Retry-After': '7' }) });

    expect(classifyError(error, NOW)).toEqual({ ...throttle, delayMs: 7000 });
  });

  it.each([503, 529])('%i with Retry-After: the whole account waits', (status) => {
    const headers = { 'retry-after': 'Wed, 01 Jul 2026 12:00:30 GMT' };

    expect(verdict(failure({ status, headers }))).toEqual({ ...overload, delayMs: 30_000, scope: 'account' });
  });

  it('500 and 408 with Retry-After: the task waits', () => {
    const headers = { 'retry-after': '5' };

    expect(verdict(failure({ status: 500, headers }))).toEqual({ ...unknown, delayMs: 5000 });
    expect(verdict(failure({ status: 408, headers }))).toEqual({ ...notDone, delayMs: 5000 });
    expect(verdict(failure({ status: 404, headers }))).toEqual(permanent);
  });

  it('x-should-retry overrides', () => {
    const told = (status: number, should: string, fields: object = {}) =>
      verdict(failure({ status, headers: { 'x-should-retry': should, 'retry-after': '5' }, ...fields }));

    expect(told(409, 'true')).toEqual({ ...notDone, delayMs: 5000 });
    expect(told(401, 'true')).toEqual({ ...notDone, delayMs: 5000 });
    expect(told(501, 'true')).toEqual({ ...unknown, delayMs: 5000 });
    expect(told(429, 'true', { code: 'insufficient_quota' })).toEqual({ ...throttle, delayMs: 5000 });
    expect(told(429, 'false')).toEqual(permanent);
    expect(told(500, 'false')).toEqual({ ...permanent, mayHaveHappened: true });
    expect(told(429, 'false', { code: 'insufficient_quota' })).toEqual(noQuota);
    expect(told(500, 'perhaps')).toEqual({ ...unknown, delayMs: 5000 });
  });
});

describe('providers', () => {
  it.each([
    ['OpenAI', { status: 429, code: 'insufficient_quota', error: { code: 'insufficient_quota' } }],
    ['its body', { status: 429, details: { error: { code: 'insufficient_quota', message: 'pay' } } }],
    ['as text', { statusCode: 429, responseBody: '{"error":{"type":"insufficient_quota"}}' }],
    ['axios', { response: { status: 429, data: { error: { code: 'insufficient_quota' } } } }],
  ])('no quota, %s', (_, fields) => {
    expect(verdict(failure({ ...fields, headers: { 'retry-after': '5' } }))).toEqual(noQuota);
  });

  it('Anthropic: overloaded, also in the middle of a stream', () => {
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };

    expect(verdict(failure({ status: 529, error }))).toEqual(overload);
    expect(verdict(failure({ error }))).toEqual(overload);
    expect(verdict(failure({ status: 529, error, headers: { 'retry-after': '5' } }))).toEqual({
      ...overload,
      delayMs: 5000,
      scope: 'account',
    });
  });

  it('Anthropic and OpenAI: rate limits', () => {
    const reset = { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' };

    expect(verdict(failure({ status: 429, code: 'rate_limit_exceeded', headers: reset }))).toEqual({
      ...throttle,
      delayMs: 360_000,
    });
    expect(verdict(failure({ error: { error: { type: 'rate_limit_error' } } }))).toEqual(throttle);
  });

  it.each([403, 429])('GitHub, %i: primary limit, secondary limit, and no limit', (status) => {
    const primary = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 90) };
    const secondary = 'You have exceeded a secondary rate limit. Please wait a few minutes';
    const response = { data: { message: secondary } };

    expect(verdict(failure({ status, headers: primary }))).toEqual({ ...throttle, delayMs: 90_000 });
    expect(verdict(failure({ status, headers: { 'retry-after': '9' } }))).toEqual({
      ...throttle,
      delayMs: 9000,
    });
    expect(verdict(failure({ status }, secondary))).toEqual({ ...throttle, delayMs: 60_000 });
    expect(verdict(failure({ status, response }))).toEqual({ ...throttle, delayMs: 60_000 });
    expect(verdict(failure({ status, headers: { 'retry-after': '9' } }, secondary)).delayMs).toBe(9000);
  });

  it('GitHub: a 403 about rights is none', () => {
    const headers = { 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': String(NOW / 1000 + 90) };

    expect(verdict(failure({ status: 403, headers }, 'Resource not accessible by integration'))).toEqual({
      kind: 'permanent',
      scope: 'task',
    });
  });

  it('GitHub: GraphQL', () => {
    const fields = { errors: [{ type: 'RATE_LIMITED' }], headers: { 'retry-after': '9' } };

    expect(verdict(failure(fields))).toEqual({ ...throttle, delayMs: 9000 });
  });

  it.each([
    ['requests', '0x80072322', -2147015902, { ...throttle, delayMs: 5000 }],
    ['execution time', '0x80072321', -2147015903, { ...throttle, delayMs: 5000 }],
    ['at once', '0x80072326', -2147015898, { ...overload, delayMs: 5000, scope: 'task' }],
    ['a lock', '0x80071151', -2147020463, lock],
  ])('Dataverse: %s', (_, hexadecimal, number, expected) => {
    const common = { status: 429, headers: { 'retry-after': '5' } };

    expect(verdict(failure({ ...common, error: { code: hexadecimal, message: 'no' } }))).toEqual(expected);
    expect(
      verdict(
        failure({ ...common, details: { error: { code: hexadecimal.toUpperCase().replace('X', 'x') } } }),
      ),
    ).toEqual(expected);
    expect(verdict(failure({ ...common, code: number }))).toEqual(expected);
    expect(verdict(failure({ ...common }, `Import failed (${hexadecimal}): try later`))).toEqual(expected);
  });

  it('Dataverse: a lock without its code', () => {
    const message =
      'Cannot start another [Import] because there is a previous [PublishAll] running at this moment.';

    expect(verdict(failure({ status: 429 }, message))).toEqual(lock);
    expect(verdict(failure({ status: 429, response: { data: { error: { message } } } }))).toEqual(lock);
  });

  it.each([
    'BandwidthLimitExceeded',
    'EC2ThrottledException',
    'LimitExceededException',
    'PriorRequestNotComplete',
    'ProvisionedThroughputExceededException',
    'RequestLimitExceeded',
    'RequestThrottled',
    'RequestThrottledException',
    'SlowDown',
    'ThrottledException',
    'Throttling',
    'ThrottlingException',
    'TooManyRequestsException',
    'TransactionInProgressException',
  ])('AWS: %s', (name) => {
    const $metadata = { httpStatusCode: 400 };

    expect(verdict(named(name, { $metadata }))).toEqual(throttle);
    expect(verdict(failure({ Code: name, $metadata }))).toEqual(throttle);
    expect(verdict(failure({ __type: `com.amazonaws#${name}`, $metadata }))).toEqual(throttle);
  });

  it('Terraform: the state is locked', () => {
    const stderr = 'Error: Error acquiring the state lock\n\nLock Info:\n  ID: 1\n  Who: me';

    expect(verdict(failure({ code: 1, stderr }, 'Command failed: terraform apply'))).toEqual(lock);
    expect(verdict(failure({ status: 1 }, `exit 1\n${stderr}`))).toEqual(lock);
  });
});

describe('network', () => {
  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])('%s: not sent', (code) => {
    expect(verdict(failure({ code }))).toEqual(notDone);
    expect(verdict(fetchFailed(failure({ code })))).toEqual(notDone);
  });

  it.each([
    'ECONNRESET',
    'EPIPE',
    'ECONNABORTED',
    'ETIMEDOUT',
    'UND_ERR_SOCKET',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
  ])('%s: nobody knows', (code) => {
    expect(verdict(failure({ code }))).toEqual(unknown);
    expect(verdict(fetchFailed(failure({ code })))).toEqual(unknown);
  });

  it('a failure to connect is not sent, whatever its code', () => {
    expect(verdict(failure({ code: 'ETIMEDOUT', syscall: 'connect', errno: -110 }))).toEqual(notDone);
    expect(verdict(failure({ code: 'EHOSTUNREACH', syscall: 'connect' }))).toEqual(notDone);
    expect(verdict(failure({ code: 'ECONNRESET', syscall: 'read', errno: -104 }))).toEqual(unknown);
  });

  it.each(['EHOSTUNREACH', 'ENETUNREACH'])('%s: not sent, unless the connection was open', (code) => {
    expect(verdict(failure({ code }))).toEqual(notDone);
    expect(verdict(fetchFailed(failure({ code, syscall: 'connect' })))).toEqual(notDone);
    for (const syscall of ['read', 'write']) expect(verdict(failure({ code, syscall }))).toEqual(unknown);
  });

  it.each(['ERR_INVALID_URL', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT'])(
    '%s will not mend',
    (code) => {
      expect(verdict(fetchFailed(failure({ code })))).toEqual(permanent);
    },
  );

  it('several addresses: not sent only when no attempt was', () => {
    const both = (code: string) =>
      Object.assign(
        new AggregateError([failure({ code: 'ECONNREFUSED', syscall: 'connect' }), failure({ code })]),
        { code: 'ECONNREFUSED' },
      );

    expect(verdict(fetchFailed(both('ENOTFOUND')))).toEqual(notDone);
    expect(verdict(fetchFailed(both('ECONNRESET')))).toEqual(unknown);
  });

  it('SDKs wrap what happened', () => {
    const wrapped = failure({}, 'Connection error.', fetchFailed(failure({ code: 'ECONNREFUSED' })));

    expect(verdict(wrapped)).toEqual(notDone);
    expect(verdict(failure({}, 'Request timed out.'))).toEqual(timedOut);
  });
});

describe('what heddle ends', () => {
  it.each<[string, unknown, object]>([
    ['HEDDLE_TIMEOUT', new HeddleError('HEDDLE_TIMEOUT', 'too long'), timedOut],
    ['AbortError', new DOMException('aborted', 'AbortError'), timedOut],
    ['TimeoutError', AbortSignal.timeout(0).reason ?? new DOMException('late', 'TimeoutError'), timedOut],
    ['AbortError of Node', named('AbortError', { code: 'ABORT_ERR' }), timedOut],
    ['HEDDLE_WORKER_EXIT', new HeddleError('HEDDLE_WORKER_EXIT', 'gone'), unknown],
    ['HEDDLE_OUT_OF_MEMORY', new HeddleError('HEDDLE_OUT_OF_MEMORY', 'full'), unknown],
    ['HEDDLE_NOT_CLONEABLE', new HeddleError('HEDDLE_NOT_CLONEABLE', 'a function'), permanent],
    ['HEDDLE_INTERRUPTED', new HeddleError('HEDDLE_INTERRUPTED', 'once'), permanent],
  ])('%s', (_, error, expected) => {
    expect(verdict(error)).toEqual(expected);
  });
});

describe('what nobody knows', () => {
  it.each<[string, unknown, object]>([
    ['an Error', new Error('hm'), notDone],
    ['a text', 'hm', notDone],
    ['nothing', undefined, notDone],
    ['null', null, notDone],
    ['an object', { status: 429, headers: { 'retry-after': '1' } }, { ...throttle, delayMs: 1000 }],
    ['a TypeError', new TypeError('x is not a function'), permanent],
    ['a RangeError', new RangeError('Invalid array length'), permanent],
    ['a SyntaxError', new SyntaxError('Unexpected token'), permanent],
    ['a ReferenceError', new ReferenceError('x is not defined'), permanent],
    ['a TypeError of Node', Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' }), permanent],
    ['a TypeError with a cause', new TypeError('x', { cause: new Error('y') }), permanent],
    [
      'a TypeError with a code behind it',
      new TypeError('x', { cause: failure({ code: 'EPROTO' }) }),
      notDone,
    ],
    ['fetch, with a code that is new', fetchFailed(failure({ code: 'EPROTO' })), unknown],
    ['an answer that broke off', new TypeError('terminated'), unknown],
    ['an Error around a mistake', new Error('x', { cause: new TypeError('y') }), notDone],
  ])('%s', (_, error, expected) => {
    expect(verdict(error)).toEqual(expected);
  });

  it('the first that is known in the chain decides, to a depth of five', () => {
    const chain = (depth: number): Error =>
      depth === 0 ? failure({ status: 404 }) : failure({}, 'x', chain(depth - 1));

    expect(verdict(failure({ status: 503 }, 'x', failure({ status: 404 })))).toEqual(overload);
    expect(verdict(chain(5))).toEqual(permanent);
    expect(verdict(chain(6))).toEqual(notDone);
  });

  it('of several failures the one with the best prospect counts', () => {
    const several = (...all: object[]) => verdict(new AggregateError(all.map((fields) => failure(fields))));
    const limited = (seconds: string) => ({ status: 429, headers: { 'retry-after': seconds } });

    expect(several({ status: 404 }, limited('3'), limited('5'), { status: 500 })).toEqual({
      ...throttle,
      delayMs: 5000,
      mayHaveHappened: true,
    });
    expect(several({ status: 404 }, { status: 401 })).toEqual(permanent);
    expect(several({ status: 429, code: 'insufficient_quota' }, { status: 503 })).toEqual(overload);
    expect(several({}, {})).toEqual(notDone);
  });

  it('nothing that is thrown makes it throw', () => {
    const circle: { cause?: unknown; errors?: unknown } = failure({});
    circle.cause = circle;
    circle.errors = [circle, circle];
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const getter = {
      get status() {
        throw new Error('no');
      },
    };

    for (const odd of [circle, revoked.proxy, getter, { errors: [revoked.proxy] }, Symbol('x'), 5n])
      expect(classifyError(odd, NOW)).toEqual(notDone);
  });

  it('a hook may change what it gets', () => {
    const usual = classifyError(failure({ status: 404 }), NOW) as { kind: string };
    usual.kind = 'throttle';

    expect(classifyError(failure({ status: 404 }), NOW)).toEqual(permanent);
  });
});
