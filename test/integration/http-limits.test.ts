/**
 * Rates, retries and breakers of `heddle/http` against a real server (A-HT-2, A-HT-3, A-HT-5, A-HT-8). Times
 * are bounds of gross factors only.
 */

import { http } from 'heddle/http';
import { describe, expect, it } from 'vitest';
import { httpRig, ids, serviceOf } from '../support/http-rig.js';
import { RestServer } from '../support/rest-server.js';

const users = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, id) => ({ id, ...more }));
const gaps = (times: readonly number[]) => times.slice(1).map((at, i) => at - (times[i] as number));

describe('concurrency', () => {
  it.each([
    [[], 1],
    [['--parallel'], 5],
    [['-c', '10'], 10],
    [['-c', '50'], 50],
  ])('%j has so many requests under way: %i', async (flags, peak) => {
    await using rig = await httpRig();

    const startedAt = performance.now();
    const { code, stderr } = await rig.call([
      'api.getUser',
      '--batch-json',
      ids(50, { delay: 100 }),
      ...flags,
    ]);
    console.log(
      `50 x 100 ms, ${flags.join(' ') || 'one by one'}: ${Math.round(performance.now() - startedAt)} ms`,
    );

    expect([code, stderr]).toEqual([0, '']);
    expect(rig.server.peak).toBe(peak);
    expect(rig.server.seen.length).toBe(50);
  });

  it('is the least of what is asked for and what the service allows, and the clamp is told with its reason', async () => {
    const getUser = {
      name: 'getUser',
      method: 'GET' as const,
      path: '/users/{id}',
      batchConfig: { maxConcurrency: 5, retryOn: [429, 503], retryDelay: 1000 },
    };
    const rateLimits = { requestsPerSecond: 100, burstSize: 20, concurrency: 10 };
    await using rig = await httpRig({ service: { endpoints: [getUser], rateLimits } });
    const args = ['api.getUser', '--batch-json', ids(30, { delay: 20 })];

    const fifty = await rig.call([...args, '-c', '50']);
    const { peak } = rig.server;
    const three = await rig.call([...args, '-c', '3']);

    expect(fifty.stderr).toBe(
      'requested 50, ran 5: endpoint batchConfig.maxConcurrency; service rateLimits.concurrency is 10; the batch has 30 items\n',
    );
    expect(peak).toBe(5);
    expect([three.stderr, fifty.code, three.code]).toEqual(['', 0, 0]);
  });

  it('auto stays below what the service allows', async () => {
    await using rig = await httpRig({ service: { rateLimits: { concurrency: 7 } } });

    const { code } = await rig.call(['api.getUser', '--batch-json', ids(60, { delay: 10 }), '-c', 'auto']);

    expect(code).toBe(0);
    expect(rig.server.peak).toBeLessThanOrEqual(7);
    expect(rig.server.peak).toBeGreaterThan(1);
  });
});

describe('a rate', () => {
  it('of 20/s with a burst of 1 is never exceeded, by no window', async () => {
    await using rig = await httpRig();
    const startedAt = performance.now();

    const { code } = await rig.call([
      ...['api.getUser', '--batch-json', ids(60), '-c', '10'],
      ...['--rate-limit', '20/s', '--burst', '1'],
    ]);
    const times = rig.server.seen.map(({ at }) => at);
    const lastedMs = (times.at(-1) as number) - (times[0] as number);
    console.log(
      `60 at 20/s: ${Math.round(lastedMs)} ms, with start-up ${Math.round(performance.now() - startedAt)} ms`,
    );

    expect(code).toBe(0);
    expect(rig.server.mostWithin(1000)).toBeLessThanOrEqual(21);
    expect(lastedMs).toBeGreaterThan(2700);
  });

  it('with a burst lets so many go at once, and no more in that second', async () => {
    await using server = await RestServer.start();

    await http.batch(serviceOf(server.url), 'getUser', users(30), {
      concurrency: 30,
      rateLimit: 20,
      burst: 20,
    });
    const [first = 0] = server.seen.map(({ at }) => at);

    console.log(`burst of 20: at most ${server.mostWithin(1000)} within a second`);

    // The first requests wait for their connections, so they come together later than they were sent.
    expect(server.seen.filter(({ at }) => at - first < 700).length).toBe(20);
    expect(server.seen.length).toBe(30);
  });

  it.each([
    ['seconds', () => '1'],
    ['a date', () => new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000).toUTCString()],
  ])('of a 429 with Retry-After in %s holds back the whole batch', async (_name, retryAfter) => {
    let refusedAt = 0;
    await using server = await RestServer.start((seen, response) => {
      if (refusedAt > 0 || seen.url !== '/users/5') return false;
      refusedAt = performance.now();
      response.writeHead(429, { 'retry-after': retryAfter(), date: new Date().toUTCString() }).end();
      return true;
    });

    const responses = await http.batch(serviceOf(server.url), 'getUser', users(40), {
      concurrency: 4,
      retry: 1,
    });
    const later = server.seen.map(({ at }) => at).filter((at) => at > refusedAt + 100);

    expect(responses.every(({ success }) => success)).toBe(true);
    expect(server.seen.length).toBe(41);
    expect(Math.min(...later) - refusedAt).toBeGreaterThanOrEqual(950);
  });
});

describe('a retry', () => {
  it('comes after a 503, and costs an attempt', async () => {
    await using rig = await httpRig();

    const { stdout, code } = await rig.call([
      'api.flaky',
      '--batch-json',
      '[{"id":"a","fail":2}]',
      '--retry',
      '3',
    ]);

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual([{ success: true, data: { id: 'a', tries: 3 } }]);
    expect(gaps(rig.server.seen.map(({ at }) => at)).length).toBe(2);
  });

  it('ends when its attempts are used up', async () => {
    await using server = await RestServer.start();

    const [response] = await http.batch(serviceOf(server.url), 'flaky', [{ id: 'a', fail: 9 }], { retry: 2 });

    expect(response).toMatchObject({
      success: false,
      error: { code: 'API_REQUEST_FAILED', details: { error: 'not yet' } },
    });
    expect(server.seen.length).toBe(3);
  });

  it.each([
    ['of a POST does not happen', {}, 1],
    ['of a POST happens with an idempotency key, always the same', { idempotencyKey: true }, 3],
    ['of a POST happens when that is asked for', { retryUnsafe: true }, 3],
  ])('%s', async (_name, options, attempts) => {
    await using server = await RestServer.start();

    await http.batch(serviceOf(server.url), 'createFlaky', [{ id: 'x' }], { retry: 3, ...options });
    const keys = new Set(server.seen.map(({ headers }) => headers['idempotency-key']));

    expect(server.seen.length).toBe(attempts);
    expect(keys.size).toBe(1);
    expect([...keys][0] !== undefined).toBe('idempotencyKey' in options);
  });

  it('of a 404 does not happen, nor of a status that the endpoint does not name', async () => {
    await using server = await RestServer.start();
    const { endpoints = [] } = serviceOf(server.url);
    const picky = endpoints.map((each) => ({ ...each, batchConfig: { retryOn: [500], retryDelay: 1 } }));

    await http.batch(serviceOf(server.url), 'status', [{ code: 404 }], { retry: 3 });
    await http.batch(serviceOf(server.url, { endpoints: picky }), 'status', [{ code: 503 }, { code: 500 }]);

    expect(server.seen.map(({ url }) => url)).toEqual([
      '/status/404',
      '/status/503',
      ...Array(3).fill('/status/500'),
    ]);
  });

  it('waits for as long as retryDelay says, each time', async () => {
    await using server = await RestServer.start();
    const flaky = { name: 'flaky', method: 'GET' as const, path: '/flaky/{id}' };
    const service = serviceOf(server.url, {
      endpoints: [{ ...flaky, batchConfig: { retryOn: [503], retryDelay: 1000 } }],
    });

    await http.batch(service, 'flaky', [{ id: 1, fail: 2 }]);
    const waits = gaps(server.seen.map(({ at }) => at));
    console.log(`waits with retryDelay 1000: ${waits.map(Math.round).join(', ')} ms`);

    expect(waits.length).toBe(2);
    for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(990);
  });

  it('of items one after the other comes before the next item', async () => {
    await using server = await RestServer.start();

    await http.batch(
      serviceOf(server.url),
      'flaky',
      [
        { id: 'a', fail: 2 },
        { id: 'b', fail: 0 },
      ],
      { retry: 3 },
    );

    expect(server.seen.map(({ url }) => url.slice(7, 8))).toEqual(['a', 'a', 'a', 'b']);
  });
});

it('a server that is killed and comes back costs no item; the breaker opens and closes', async () => {
  let served = 0;
  await using server = await RestServer.start(() => {
    served++;
    return false;
  });
  const service = await http.load(serviceOf(server.url));
  await using running = http.call(service, 'getUser', users(300, { delay: 5 }), { concurrency: 5, retry: 3 });
  const states: string[] = [];
  const watched = (async () => {
    for await (const event of running.run.events())
      if (event.type === 'lane-breaker') states.push(event.state);
  })();
  const back = server
    .until(() => served >= 60)
    .then(async () => {
      await server.kill();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await server.listen();
    });

  const responses = [];
  for await (const { response } of running) responses.push(response);
  await Promise.all([watched, back]);

  expect(responses.filter(({ success }) => !success)).toEqual([]);
  expect(responses.length).toBe(300);
  expect(states[0]).toBe('open');
  expect(states.at(-1)).toBe('closed');
});
