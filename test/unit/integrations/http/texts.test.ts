/** What becomes of parameters, answers, secrets, limits and errors, as functions of their input. */

import { describe, expect, it } from 'vitest';
import { call } from '../../../../src/integrations/http/call.js';
import { detailsOf, HttpError } from '../../../../src/integrations/http/http-error.js';
import { classify, laneOf } from '../../../../src/integrations/http/lane-of.js';
import { Redactor, shownUrl } from '../../../../src/integrations/http/redact.js';
import { graphqlRequest, mergeParams, restRequest } from '../../../../src/integrations/http/request.js';
import { outputWriter } from '../../../../src/integrations/http/seed-output.js';
import { checkService } from '../../../../src/integrations/http/service.js';
import { limitsOf, wholeRate } from '../../../../src/integrations/http/service-limits.js';
import { transformed } from '../../../../src/integrations/http/transform.js';
import { reviveError, serializeError } from '../../../../src/main/index.js';
import { classifyError } from '../../../../src/main/lanes/failures/classify.js';

const TARGET = {
  baseUrl: 'http://x/v1/',
  method: 'GET',
  path: '/users/{id}',
  headers: {},
  defaults: { v: 1 },
} as const;

describe('parameters', () => {
  it('further right win, and none is dropped for its name', () => {
    const alias = { id: 1, _page: 1, a: 'alias' };
    const params = mergeParams(alias, { id: 2, b: 'item' }, { id: 3 });

    expect(params).toEqual({ id: 3, _page: 1, a: 'alias', b: 'item' });
    expect(restRequest(TARGET, params).url).toBe('http://x/v1/users/3?_page=1&a=alias&b=item&v=1');
    expect(Object.keys(mergeParams(JSON.parse('{"__proto__":1}')))).toEqual(['__proto__']);
  });

  it('go into the path first, then into the query or the body; defaults come last and beat nothing', () => {
    const params = { id: 'a/b ü', list: ['x', 'y'], none: null, object: { a: 1 }, v: 7 };

    expect(restRequest(TARGET, params).url).toBe(
      'http://x/v1/users/a%2Fb%20%C3%BC?list=x&list=y&object=%7B%22a%22%3A1%7D&v=7',
    );
    expect(restRequest({ ...TARGET, method: 'POST' }, { id: 1, name: 'n' })).toMatchObject({
      url: 'http://x/v1/users/1',
      body: { name: 'n', v: 1 },
    });
    expect(restRequest({ ...TARGET, method: 'POST', defaults: {} }, { id: 1 }).body).toBeUndefined();
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    expect(restRequest({ ...TARGET, method: 'POST', headers: form }, { id: 1, q: 'a b' }).body).toBe(
      'q=a+b&v=1',
    );
  });

  it.each([[{}], [{ id: null }], [{ id: '' }], [{ id: {} }], [{ id: '..' }], [{ id: '.' }]])(
    'that make no path are refused: %j',
    (params) => {
      expect(() => restRequest(TARGET, params)).toThrow(expect.objectContaining({ code: 'PARAM_INVALID' }));
    },
  );

  it('of GraphQL are variables', () => {
    const target = {
      url: 'http://x/graphql',
      query: 'query User($id: ID!) { a }',
      headers: {},
      defaults: { n: 1 },
    };

    expect(graphqlRequest(target, { id: 7 }).body).toEqual({
      query: target.query,
      variables: { id: 7, n: 1 },
      operationName: 'User',
    });
  });
});

describe('a transform', () => {
  const data = { id: 1, owner: { login: 'ann', id: 2 }, tags: ['a', 'b'], items: [{ n: 1, m: 2 }, { n: 3 }] };

  it.each([
    [{ fields: ['id', 'owner.login', 'missing'] }, { id: 1, owner: { login: 'ann' } }],
    [{ fields: ['tags[1]', 'items[*].n'] }, { tags: 'b', items: [1, 3] }],
    [
      { rename: { id: 'key', 'owner.login': 'owner.name' } },
      { ...data, id: undefined, key: 1, owner: { id: 2, name: 'ann' } },
    ],
    [{ fields: ['id'], rename: { id: 'a.b' } }, { a: { b: 1 } }],
    [[{ fields: ['owner'] }, { rename: { owner: 'o' } }], { o: { login: 'ann', id: 2 } }],
  ])('%j', (transform, expected) => {
    expect(transformed(data, transform as never)).toEqual(expected);
  });

  it('of an array is that of its elements; texts stay as they are', () => {
    expect(transformed([data, data], { fields: ['[*].id'] })).toEqual([{ id: 1 }, { id: 1 }]);
    expect(transformed('text', { fields: ['id'] })).toBe('text');
    expect(data.id).toBe(1);
  });

  it('cannot reach a prototype', () => {
    const hostile = JSON.parse('{"a":{"__proto__":{"evil":1}},"x":1}');
    transformed(hostile, { fields: ['a.__proto__.evil', 'constructor.name'] });
    transformed(hostile, { rename: { x: '__proto__.evil' } });

    expect(({} as { evil?: number }).evil).toBeUndefined();
  });
});

describe('a redactor', () => {
  it('finds secrets in texts, names, numbers, and percent-encoded', () => {
    const redactor = new Redactor(['to/ken+1', '12345678', 'abc']);

    expect(
      redactor.value({ a: ['x to/ken+1 y', 'to%2Fken%2B1'], 'to/ken+1': 12345678, n: 123456789 }),
    ).toEqual({
      a: ['x *** y', '***'],
      '***': '***',
      n: 123456789,
    });
    expect(redactor.value(['abc', 'abcdef'])).toEqual(['***', 'abcdef']);
  });

  it('leaves what has none as it is, the very same object', () => {
    const value = { a: [1, { b: 'c' }] };

    expect(new Redactor(['token']).value(value)).toBe(value);
  });

  it('takes values of parameters with telling names out of a URL', () => {
    expect(shownUrl('http://x/a?api_key=1&q=2&access_token=3', new Redactor([]))).toBe(
      'http://x/a?api_key=***&q=2&access_token=***',
    );
    expect(shownUrl('http://x/a?author=1&max_tokens=2', new Redactor([]))).toBe(
      'http://x/a?author=1&max_tokens=2',
    );
  });
});

describe('limits', () => {
  const asked = {
    concurrency: 50,
    isAsked: true,
    rate: undefined,
    burst: undefined,
    retries: undefined,
    total: undefined,
  };
  const prepared = {
    batchConfig: { maxConcurrency: 5, retryOn: [503], retryDelay: 1000 },
    rateLimits: { concurrency: 10 },
  };

  it('are the least, with the reason', () => {
    expect(limitsOf(prepared, { ...asked, total: 3 })).toMatchObject({
      concurrency: 3,
      clamps: [{ requested: 50, ran: 3, reason: expect.stringContaining('the batch has 3 items') }],
    });
    expect(limitsOf(prepared, { ...asked, concurrency: 2 })).toMatchObject({ concurrency: 2, clamps: [] });
    expect(limitsOf(prepared, { ...asked, concurrency: 'auto' })).toMatchObject({
      concurrency: 5,
      isAuto: true,
    });
  });

  it('of the command line beat those of the endpoint, and never raise those of the service', () => {
    const rate = { limit: 1000, perMs: 1000, burst: undefined };
    const service = { ...prepared, rateLimits: { requestsPerSecond: 10, burstSize: 2 } };

    expect(limitsOf(prepared, asked).retry).toEqual({ attempts: 3, statuses: [503], delayMs: 1000 });
    expect(limitsOf(prepared, { ...asked, retries: 0 }).retry).toBeUndefined();
    expect(limitsOf(prepared, { ...asked, retries: 6 }).retry?.attempts).toBe(7);
    expect(limitsOf(service, { ...asked, rate }).rates).toEqual([{ limit: 10, perMs: 1000, burst: 2 }, rate]);
  });

  it.each([
    ['burst', { burst: 3 }],
    ['concurrency', { concurrency: 0 }],
    ['concurrency', { concurrency: 1.5 }],
    ['retry', { retry: -1 }],
    ['rateLimit', { rateLimit: 0 }],
    ['rateLimit.limit', { rateLimit: { limit: 0, perMs: 1000 } }],
    ['rateLimit', { rateLimit: [1, 1000] }],
    ['timeoutMs', { timeoutMs: Number.POSITIVE_INFINITY }],
    ['correlationHeader', { correlationHeader: 'a b' }],
    ['onProgress', { onProgress: true }],
    ['concurency', { concurency: 2 }],
    ['options', null],
    ['options', []],
  ])('that make no sense are refused: %s of %j', (option, options) => {
    const service = checkService({
      serviceName: 'api',
      baseUrl: 'http://127.0.0.1:9',
      endpoints: [{ name: 'a', method: 'GET', path: '/' }],
    });

    expect(() => call(service, 'a', [], options as never)).toThrow(
      expect.objectContaining({ code: 'HEDDLE_INVALID_OPTION', option }),
    );
  });

  it('that are no whole numbers keep their pace and never exceed it', () => {
    for (const limit of [0.1, 0.5, 1.5, 2.25, 33.3, 100]) {
      const { limit: whole, perMs } = wholeRate(limit, 1000, undefined);
      expect(Number.isInteger(whole)).toBe(true);
      expect((whole / perMs) * 1000).toBeLessThanOrEqual(limit + 1e-9);
      expect((whole / perMs) * 1000).toBeGreaterThan(limit * 0.99);
    }
  });

  it('without anything to keep to need no lane; a fixed delay is fixed', () => {
    const none = limitsOf({ batchConfig: {}, rateLimits: {} }, asked);

    expect(laneOf(none)).toBeUndefined();
    expect(laneOf(limitsOf(prepared, asked))?.retry).toMatchObject({
      backoffMs: 1000,
      factor: 1,
      jitter: 'none',
    });
  });
});

describe('a failure', () => {
  const retry = { attempts: 3, statuses: undefined, delayMs: undefined };
  const failure = (status: number, more: object = {}) =>
    new HttpError('API_REQUEST_FAILED', `HTTP ${status}`, { status, isRepeatable: true, ...more });
  const kind = (error: Error, plan: typeof retry | undefined = retry) =>
    classify(error, classifyError(error, 0), plan).kind;

  it('is worth another attempt when it may pass and does no harm', () => {
    expect([503, 500, 404, 401].map((status) => kind(failure(status)))).toEqual([
      'transient',
      'transient',
      'permanent',
      'permanent',
    ]);
    expect(classify(failure(429, { isRepeatable: false }), { kind: 'throttle', delayMs: 7 }, retry)).toEqual({
      kind: 'throttle',
      delayMs: 7,
    });
    expect(classify(failure(429), { kind: 'throttle' }, { ...retry, statuses: [503] }).kind).toBe(
      'permanent',
    );
    expect(kind(failure(503, { isRepeatable: false, mayHaveHappened: true }))).toBe('permanent');
    expect(kind(new HttpError('API_TIMEOUT', 't', { isNetwork: true, isRepeatable: true }))).toBe(
      'transient',
    );
    expect(kind(new HttpError('API_BAD_JSON', 'j', { isRepeatable: true }))).toBe('permanent');
    expect(classify(failure(503), { kind: 'transient' }, undefined).kind).toBe('permanent');
  });

  it('keeps its whole body on its way, however deep, wide or long', () => {
    const bodies = [
      'text',
      { a: { b: { c: { d: { e: 1 } } } } },
      Array.from({ length: 500 }, (_, i) => i),
      'x'.repeat(300_000),
      JSON.parse('{"__proto__":1}'),
      null,
    ];
    for (const details of bodies) {
      const error = new HttpError('API_REQUEST_FAILED', 'm', { details });
      expect(detailsOf(reviveError(JSON.parse(JSON.stringify(serializeError(error)))))).toEqual(details);
    }
  });
});

describe('output', () => {
  it('as JSON is what JSON.stringify gives for all of it', () => {
    const all = [
      { success: true as const, data: { text: 'a\nb', list: [], deep: [{ a: 1 }] } },
      { success: false as const, error: { code: 'X', message: 'm' } },
      { success: true as const, data: null },
    ];
    const writer = outputWriter('json', undefined);

    expect(all.map((each, i) => writer.add(i, each)).join('') + writer.end()).toBe(
      `${JSON.stringify(all, null, 2)}\n`,
    );
    expect(outputWriter('json', 0).end()).toBe('[]\n');
  });

  it('of what is nested too deeply is a failure of that answer alone', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    const line = outputWriter('ndjson', undefined).add(3, { success: true, data: deep });

    expect(JSON.parse(line)).toMatchObject({ index: 3, success: false, error: { code: 'UNKNOWN_ERROR' } });
  });
});
