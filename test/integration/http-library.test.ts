/**
 * `heddle/http` as a library: batches, the task for runs of one's own, answers of every kind, and memory
 * (A-HT-7).
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { createRuntime } from 'heddle';
import { type ApiResponse, detailsOf, type HttpItem, http, httpTask } from 'heddle/http';
import { describe, expect, it } from 'vitest';
import { httpRig, serviceOf } from '../support/http-rig.js';
import { RestServer, type Seen } from '../support/rest-server.js';

const answer =
  (respond: (seen: Seen, response: ServerResponse) => unknown) => (seen: Seen, response: ServerResponse) => {
    respond(seen, response);
    return true;
  };

async function one(server: RestServer, options: object = {}): Promise<ApiResponse | undefined> {
  return (await http.batch(serviceOf(server.url), 'getUser', [{ id: 1 }], options))[0];
}

describe('an answer', () => {
  const json = { 'content-type': 'application/json' };

  it.each([
    ['of JSON', json, '{"a":1}', { a: 1 }],
    ['of problem+json', { 'content-type': 'application/problem+json; charset=utf-8' }, '[1]', [1]],
    ['with a byte order mark', json, '\ufeff{"a":1}', { a: 1 }],
    ['of another charset', { 'content-type': 'text/plain; charset=iso-8859-1' }, Buffer.from([0xe9]), 'é'],
    ['without a type', {}, 'x', 'x'],
    ['of JSON that is empty', json, '', null],
    ['that is packed', { ...json, 'content-encoding': 'gzip' }, gzipSync('{"a":1}'), { a: 1 }],
    [
      'that is packed otherwise',
      { ...json, 'content-encoding': 'br' },
      brotliCompressSync('{"a":1}'),
      { a: 1 },
    ],
  ])('%s', async (_name, headers, body, data) => {
    await using server = await RestServer.start(
      answer((_, response) => response.writeHead(200, headers).end(body)),
    );

    expect(await one(server)).toEqual({ success: true, data });
  });

  it.each([
    ['that is cut off', json, '{"a":', 'API_BAD_JSON'],
    ['that is not packed as it says', { ...json, 'content-encoding': 'gzip' }, 'no gzip', 'API_BAD_JSON'],
    ['that is too large', json, `"${'x'.repeat(2000)}"`, 'API_TOO_LARGE'],
    [
      'that is too large when unpacked',
      { ...json, 'content-encoding': 'gzip' },
      gzipSync(`"${'x'.repeat(100_000)}"`),
      'API_TOO_LARGE',
    ],
  ])('%s is a failure', async (_name, headers, body, code) => {
    await using server = await RestServer.start(
      answer((_, response) => response.writeHead(200, headers).end(body)),
    );

    expect(await one(server, { maxBodyBytes: 1000 })).toMatchObject({ success: false, error: { code } });
  });

  it('that ends in the middle is a network error', async () => {
    await using server = await RestServer.start(
      answer((_, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('part');
        setTimeout(() => response.socket?.destroy(), 20);
      }),
    );

    expect(await one(server)).toMatchObject({
      error: { message: expect.stringMatching(/^Network error: /) },
    });
  });

  it('with a reason of its own keeps it', async () => {
    await using server = await RestServer.start(
      answer((_, response) => response.writeHead(418, 'Short and Stout').end()),
    );

    expect(await one(server)).toMatchObject({ error: { message: 'HTTP 418: Short and Stout' } });
  });
});

describe('GraphQL', () => {
  const service = (url: string) =>
    serviceOf(url, {
      endpoints: [],
      graphqlEndpoint: '/graphql',
      graphqlOperations: [
        {
          name: 'user',
          query: 'query User($id: ID!) { user(id: $id) { name } }',
          transform: { fields: ['user.name'] },
        },
        { name: 'rename', operationType: 'mutation', query: 'mutation { a }' },
      ],
    });
  const graphql = answer(({ body }, response) => {
    const { variables } = JSON.parse(body);
    const content =
      variables.id === 9
        ? { data: null, errors: [{ message: 'no user 9' }] }
        : { data: { user: { name: `n${variables.id}`, x: 1 } } };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(content));
  });

  it('is a POST of query and variables; errors in the answer are a failure', async () => {
    await using server = await RestServer.start(graphql);

    const responses = await http.batch(service(server.url), 'user', [{ id: 1 }, { id: 9 }], {
      concurrency: 2,
    });

    expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(Array(2).fill('POST /graphql'));
    expect(responses).toEqual([
      { success: true, data: { user: { name: 'n1' } } },
      {
        success: false,
        error: {
          code: 'GRAPHQL_ERROR',
          message: 'no user 9',
          details: { data: null, errors: [{ message: 'no user 9' }] },
        },
      },
    ]);
  });

  it('repeats a query, and no mutation', async () => {
    await using server = await RestServer.start(answer((_, response) => response.writeHead(503).end()));

    await http.batch(service(server.url), 'rename', [{}], { retry: 1 });
    const mutations = server.seen.length;
    await http.batch(service(server.url), 'user', [{}], { retry: 1 });

    expect([mutations, server.seen.length]).toEqual([1, 3]);
  });
});

describe('the task', () => {
  it("sends what it is given, in a run of one's own", async () => {
    await using server = await RestServer.start();
    await using send = httpTask({ concurrency: 4, correlationHeader: 'X-Id' });
    await using runtime = createRuntime();
    const items: HttpItem[] = [
      { url: `${server.url}/users/1` },
      {
        method: 'POST',
        url: `${server.url}/echo`,
        body: { a: 1 },
        headers: { 'X-A': 'b' },
        idempotencyKey: 'k',
      },
      { url: `${server.url}/status/404` },
      { url: 'ftp://x' },
    ];

    const outcomes = await runtime.run(send, items, { concurrency: 4 }).outcomes();
    const [user, echo, missing, wrong] = outcomes;

    expect(user).toMatchObject({ status: 'succeeded', value: { status: 200, data: { id: '1' } } });
    expect(echo).toMatchObject({
      value: {
        data: {
          body: '{"a":1}',
          headers: { 'x-a': 'b', 'idempotency-key': 'k', 'content-type': 'application/json' },
        },
      },
    });
    expect(missing).toMatchObject({
      status: 'failed',
      error: { name: 'HttpError', status: 404, code: 'API_REQUEST_FAILED' },
    });
    expect(missing?.status === 'failed' && detailsOf(missing.error)).toEqual({ error: 'status 404' });
    expect(wrong).toMatchObject({ error: { code: 'PARAM_INVALID' } });
    expect(server.seen.every(({ headers }) => headers['x-id'] !== undefined)).toBe(true);
  });

  it('keeps in errors every header that the runtime reads, and no other', async () => {
    await using server = await RestServer.start(
      answer((_, response) =>
        response
          .writeHead(503, {
            'x-amz-retry-after': '250',
            'X-Rate-Limit-Remaining': '0',
            'x-ms-dop-hint': '4',
            'X-Secret': 'no',
          })
          .end(),
      ),
    );
    await using send = httpTask();
    await using runtime = createRuntime();

    const [outcome] = await runtime.run(send, [{ url: server.url }]).outcomes();

    expect(outcome).toMatchObject({
      error: { headers: { 'x-amz-retry-after': '250', 'x-rate-limit-remaining': '0', 'x-ms-dop-hint': '4' } },
    });
    expect(JSON.stringify(outcome)).not.toContain('x-secret');
  });

  it('knows that a request was not sent when there was no connection', async () => {
    const server = await RestServer.start();
    await server.kill();
    await using send = httpTask();
    await using runtime = createRuntime();

    const [outcome] = await runtime.run(send, [{ method: 'POST', url: server.url }]).outcomes();

    expect(outcome).toMatchObject({ error: { mayHaveHappened: false, isRepeatable: true, isNetwork: true } });
  });

  it('keeps connections, and leaves none', async () => {
    await using server = await RestServer.start();
    const sockets = new Set<unknown>();
    server.hook = (_, response) => {
      sockets.add(response.socket);
      return false;
    };

    await http.batch(
      serviceOf(server.url),
      'getUser',
      Array.from({ length: 40 }, (_, id) => ({ id })),
      { concurrency: 4 },
    );

    expect(sockets.size).toBeLessThanOrEqual(4);
    await expect
      .poll(() => [...sockets].every((socket) => (socket as { destroyed: boolean }).destroyed))
      .toBe(true);
  });
});

describe('a batch', () => {
  it('that is aborted has an answer for each item', async () => {
    await using server = await RestServer.start();
    const controller = new AbortController();
    const running = http.batch(
      serviceOf(server.url),
      'any',
      [...Array(3).fill({ kind: 'users', id: 1 }), ...Array(20).fill({ kind: 'hang', id: 1 })],
      { concurrency: 3, signal: controller.signal },
    );
    await server.until(() => server.seen.length >= 6);

    controller.abort();
    const codes = (await running).map((each) => (each.success ? 'ok' : each.error.code));

    expect(codes).toEqual([...Array(3).fill('ok'), ...Array(20).fill('CANCELLED')]);
  });

  it('that makes no sense is refused before anything is sent', async () => {
    await using server = await RestServer.start();
    const refused = [
      http.batch(serviceOf(server.url), 'getUsr', [{ id: 1 }]),
      http.batch(serviceOf(server.url), 'getUser', [{ id: 1 }], { concurrency: 0 }),
      http.batch({ ...serviceOf(server.url), baseUrl: 'nowhere' }, 'getUser', [{ id: 1 }]),
      http.batch('no-such-service', 'getUser', [{ id: 1 }]),
    ];

    for (const each of refused) await expect(each).rejects.toMatchObject({ code: 'HEDDLE_INVALID_OPTION' });
    expect(server.seen).toEqual([]);
  });

  it('without items is an empty array', async () => {
    expect(await http.batch(serviceOf('http://127.0.0.1:1'), 'getUser', [])).toEqual([]);
  });
});

it('two hundred batches with random latencies are all in order', async () => {
  await using server = await RestServer.start();
  const service = serviceOf(server.url);
  const wrong: unknown[] = [];
  for (let round = 0; round < 200; round++) {
    const items = Array.from({ length: 10 }, (_, id) => ({ id, delay: Math.floor(Math.random() * 5) }));
    const responses = await http.batch(service, 'getUser', items, { concurrency: 1 + (round % 7) });
    const order = responses.map((each) => each.success && (each.data as { id: string }).id).join();
    if (order !== '0,1,2,3,4,5,6,7,8,9') wrong.push(order);
  }

  expect(wrong).toEqual([]);
  expect(server.seen.length).toBe(2000);
});

it('many short requests are much faster side by side', async () => {
  await using server = await RestServer.start();
  const service = serviceOf(server.url);
  const items = (count: number) => Array.from({ length: count }, (_, id) => ({ id, delay: 5 }));
  const lasted = async (count: number, concurrency: number) => {
    const startedAt = performance.now();
    await http.batch(service, 'getUser', items(count), { concurrency });
    return (performance.now() - startedAt) / count;
  };
  const [one, fifty] = [await lasted(200, 1), await lasted(2000, 50)];
  console.log(
    `5 ms each: ${one.toFixed(2)} ms one by one, ${fifty.toFixed(3)} ms at 50: ${(one / fifty).toFixed(1)}x`,
  );

  expect(server.peak).toBe(50);
  expect(one / fifty).toBeGreaterThan(4);
});

describe('memory', () => {
  const COUNT = process.env['HEDDLE_SOAK'] === undefined ? 8000 : 100_000;

  it(`is bounded: ${COUNT} items from lines to lines fit into a heap of 40 MB`, async () => {
    await using rig = await httpRig();
    const file = createWriteStream(join(rig.folder, 'many.ndjson'));
    for (let id = 0; id < COUNT; id++) if (!file.write(`{"id":${id}}\n`)) await once(file, 'drain');
    await new Promise<void>((resolve) => file.end(resolve));
    rig.server.seen.push = () => 0;
    const started = rig.start(
      ['api.getUser', '--batch-file', 'many.ndjson', '-c', '50', '--output', 'ndjson'],
      {
        NODE_OPTIONS: '--max-old-space-size=40',
      },
    );

    const { code, stdout, stderr } = await started.ended;
    const indexes = stdout
      .trimEnd()
      .split('\n')
      .map((line) => Number(/"index":(\d+)/.exec(line)?.[1]));

    expect([code, stderr]).toEqual([0, '']);
    expect(indexes.length).toBe(COUNT);
    expect(indexes.every((index, i) => index === i)).toBe(true);
  }, 300_000);

  it('a reader who does not read holds back requests', async () => {
    await using rig = await httpRig();
    const items = Array.from({ length: 20_000 }, (_, id) => `{"kind":"big","id":${id},"bytes":4000}\n`).join(
      '',
    );
    rig.put('big.ndjson', items);
    const started = rig.start(['api.any', '--batch-file', 'big.ndjson', '-c', '20', '--output', 'ndjson']);
    started.child.stdout?.pause();
    let before = -1;
    // It has come to rest when half a second brings nothing new.
    while (rig.server.seen.length === 0 || before !== rig.server.seen.length) {
      before = rig.server.seen.length;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }

    console.log(`a reader who does not read: ${before} of 20000 requests were sent`);
    expect(before).toBeLessThan(10_000);
    started.child.kill('SIGKILL');
    await started.ended;
  });
});
