/**
 * What goes wrong on the way: fail-fast, time-outs, networks, signals, secrets, sessions (A-HT-4 to A-HT-8).
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { http } from 'heddle/http';
import { describe, expect, it } from 'vitest';
import { jsonLines } from '../fixtures/cli/run-cli.js';
import { httpRig, ids, serviceOf, TOKEN, TOKEN_VARIABLE, variable } from '../support/http-rig.js';
import { RestServer } from '../support/rest-server.js';

const codes = (stdout: string) =>
  JSON.parse(stdout).map((each: { error?: { code: string } }) => each.error?.code ?? 'ok');
const count = (all: readonly string[], code: string) => all.filter((each) => each === code).length;

describe('fail-fast', () => {
  it('cuts off what is under way, sends nothing more, and has an answer for each item', async () => {
    let failedAt = 0;
    await using rig = await httpRig({
      hook: ({ url }, response) => {
        if (url !== '/users/6') return Number(url.slice(7)) > 6;
        setTimeout(() => {
          failedAt = performance.now();
          response.writeHead(404).end();
        }, 60);
        return true;
      },
    });

    const { stdout, code } = await rig.call([
      'api.getUser',
      '--batch-json',
      ids(100),
      '-c',
      '5',
      '--fail-fast',
    ]);
    const cutOff = rig.server.seen.filter(({ closedAt }) => closedAt !== undefined);
    const all = codes(stdout);

    expect(code).toBe(1);
    expect(rig.server.seen.length).toBeLessThanOrEqual(12);
    expect(cutOff.length).toBeGreaterThan(0);
    // At once, not when the time of grace is over.
    const closed = cutOff.map(({ closedAt = 0 }) => Math.round(closedAt - failedAt));
    console.log(`fail-fast: requests under way were closed after ${closed.join(', ')} ms`);
    for (const ms of closed) expect(ms).toBeLessThan(3000);
    expect(all.length).toBe(100);
    expect(all.slice(0, 7)).toEqual([...Array(6).fill('ok'), 'API_REQUEST_FAILED']);
    expect(count(all, 'CANCELLED')).toBe(93);
  });

  it('fills the array also for items of a file that were never read', async () => {
    await using rig = await httpRig();
    rig.put('items.ndjson', Array.from({ length: 3000 }, () => '{"code":500}\n').join(''));

    const { stdout } = await rig.call([
      'api.status',
      '--batch-file',
      'items.ndjson',
      '-c',
      '2',
      '--fail-fast',
    ]);

    expect(codes(stdout).length).toBe(3000);
    expect(rig.server.seen.length).toBeLessThan(10);
  });
});

describe('time', () => {
  it('that is up ends the attempt and its connection', async () => {
    await using rig = await httpRig();

    const startedAt = performance.now();
    const { stdout, code } = await rig.call([
      'api.hang',
      '--batch-json',
      ids(3),
      '--parallel',
      '--timeout',
      '300ms',
    ]);
    await rig.server.until(() => rig.server.seen.every(({ closedAt }) => closedAt !== undefined));
    const elapsedMs = performance.now() - startedAt;

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual(
      Array(3).fill({
        success: false,
        error: { code: 'API_TIMEOUT', message: 'Request timeout after 300ms' },
      }),
    );
    expect(elapsedMs).toBeGreaterThanOrEqual(300);
  });

  it('of an endpoint holds where nothing else is asked for', async () => {
    await using server = await RestServer.start();
    const hang = { name: 'hang', method: 'GET' as const, path: '/hang/1', timeout: 150 };

    const [own] = await http.batch(serviceOf(server.url, { endpoints: [hang] }), 'hang', [{}]);
    const [asked] = await http.batch(serviceOf(server.url, { endpoints: [hang] }), 'hang', [{}], {
      timeoutMs: 90,
    });

    expect(own).toMatchObject({ error: { message: 'Request timeout after 150ms' } });
    expect(asked).toMatchObject({ error: { message: 'Request timeout after 90ms' } });
  });
});

describe('a network that fails', () => {
  it('is that item alone', async () => {
    await using rig = await httpRig();

    const { stdout } = await rig.call([
      ...[
        'api.any',
        '--batch-json',
        '[{"kind":"users","id":1},{"kind":"drop","id":1},{"kind":"users","id":2}]',
      ],
    ]);

    expect(codes(stdout)).toEqual(['ok', 'API_REQUEST_FAILED', 'ok']);
    expect(JSON.parse(stdout)[1].error.message).toMatch(/^Network error: /);
  });

  it('says so when nobody listens', async () => {
    const server = await RestServer.start();
    await server.kill();

    const [response] = await http.batch(serviceOf(server.url), 'getUser', [{ id: 1 }]);

    expect(response).toMatchObject({ error: { message: expect.stringContaining('ECONNREFUSED') } });
  });
});

describe('progress', () => {
  it('is a line of the known form, never goes back, and stays off standard output', async () => {
    await using rig = await httpRig();

    const { stdout, stderr } = await rig.call([
      ...['api.getUser', '--batch-json', ids(60, { delay: 100 }), '-c', '5', '--progress'],
    ]);
    const lines = stderr.split('\n').filter((line) => line.startsWith('Progress'));
    const completed = lines.map((line) => {
      const [, done, running, failed] =
        /^Progress: (\d+)\/60 completed, (\d) running, (\d+) failed$/.exec(line) ?? [];
      expect(Number(running)).toBeLessThanOrEqual(5);
      expect(Number(failed)).toBe(0);
      return Number(done);
    });

    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(completed).toEqual([...completed].sort((a, b) => a - b));
    expect(lines.at(-1)).toBe('Progress: 60/60 completed, 0 running, 0 failed');
    expect(JSON.parse(stdout).length).toBe(60);
  });

  it('of the library is a snapshot', async () => {
    await using server = await RestServer.start();
    const seen: object[] = [];

    await http.batch(serviceOf(server.url), 'status', [{ code: 200 }, { code: 500 }], {
      concurrency: 2,
      onProgress: (progress) => seen.push(progress),
    });

    expect(seen.at(-1)).toEqual({ total: 2, completed: 2, running: 0, failed: 1 });
  });
});

it('each attempt has an id, which is in its header and in the log', async () => {
  await using rig = await httpRig();

  const { stderr } = await rig.call([
    ...[
      'api.flaky',
      '--batch-json',
      '[{"id":"a","fail":1},{"id":"b","fail":0}]',
      '--retry',
      '1',
      '--verbose',
    ],
    ...['--correlation-header', 'X-Request-Id'],
  ]);
  const sent = rig.server.seen.map(({ headers }) => headers['x-request-id']);
  const told = [...stderr.matchAll(/debug: task \d: request .*"correlationId":"([\w-]+)"/g)].map(
    ([, id]) => id,
  );

  expect(new Set(sent).size).toBe(3);
  expect(told).toEqual(sent);
});

it('equal items have keys of their own, which are the same in the next run', async () => {
  await using rig = await httpRig();
  const args = ['api.create', '--batch-json', '[{"a":1},{"a":1},{"a":2}]', '--idempotency-key'];

  await rig.call(args);
  await rig.call(args);
  const keys = rig.server.seen.map(({ headers }) => headers['idempotency-key']);

  expect(new Set(keys).size).toBe(3);
  expect(keys.slice(3)).toEqual(keys.slice(0, 3));
});

describe('a secret', () => {
  const authentication = { type: 'bearer' as const, token: TOKEN_VARIABLE };
  const echoing = {
    hook: (
      { headers, url }: { headers: object; url: string },
      response: import('node:http').ServerResponse,
    ) => {
      const text = JSON.stringify({ headers, url, nested: [{ token: TOKEN, [TOKEN]: 1 }] }).replace(
        's3c',
        '\\u0073\\u0033c',
      );
      response.writeHead(url.includes('/status/') ? 500 : 200, `No ${TOKEN}`, {
        'content-type': 'application/json',
      });
      response.end(text);
      return true;
    },
  };

  it('is sent, and is nowhere else: not in answers, errors, logs, sessions, dry runs', async () => {
    await using rig = await httpRig({ ...echoing, service: { authentication } });
    const args = ['--batch-json', ids(2), '--verbose', '--session', 'kept'];
    const runs = [
      await rig.call(['api.getUser', ...args]),
      await rig.call([
        'api.status',
        '--param',
        'code=500',
        '--verbose',
        '--retry',
        '1',
        '--output',
        'pretty',
      ]),
      await rig.call(['api.getUser', ...args, '--dry-run']),
      await rig.call(['api.getUser', '--param', `id=${TOKEN}`, '--param', `api_key=${TOKEN}`, '--dry-run']),
    ];
    const home = join(rig.folder, '.heddle/sessions/kept');
    const kept = readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'));

    expect(rig.server.seen.every(({ headers }) => headers.authorization === `Bearer ${TOKEN}`)).toBe(true);
    expect(rig.server.seen.length).toBe(4);
    expect(kept.length).toBeGreaterThan(0);
    for (const text of [...runs.flatMap(({ stdout, stderr }) => [stdout, stderr]), ...kept]) {
      expect(text).not.toContain(TOKEN);
      expect(text).not.toContain('t0ken');
    }
  });

  it('that is missing is told once, with its place, before anything is sent', async () => {
    await using rig = await httpRig({
      service: { authentication: { type: 'bearer', token: variable('NOT_THERE') } },
    });

    const { code, stdout, stderr } = await rig.call(['api.getUser', '--batch-json', ids(50), '-c', '10']);

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^error: the environment variable NOT_THERE \(needed by services\/api\.yaml:\d+: "authentication\.token"\) is not set; nothing was sent\n$/,
    );
    expect(rig.server.seen).toEqual([]);
  });

  it('does not follow a redirect to another origin', async () => {
    await using there = await RestServer.start();
    await using here = await RestServer.start();
    const redirect = { name: 'go', method: 'GET' as const, path: '/redirect' };
    const service = serviceOf(here.url, {
      endpoints: [redirect],
      authentication: { type: 'apikey', token: TOKEN },
    });

    const [outside, inside] = await http.batch(service, 'go', [{ to: `${there.url}/echo` }, { to: '/echo' }]);

    expect(outside?.success && inside?.success).toBe(true);
    expect(JSON.stringify(there.seen)).not.toContain(TOKEN);
    expect(here.seen.at(-1)?.headers['x-api-key']).toBe(TOKEN);
  });
});

describe('a session', () => {
  it('keeps answers; the same command sends only what has none', async () => {
    await using rig = await httpRig({
      hook: ({ url }, response) => {
        if (url !== '/users/3' || rig.server.seen.length > 10) return false;
        response.writeHead(500).end();
        return true;
      },
    });
    const args = ['api.getUser', '--batch-json', ids(6), '--session', 'mine'];

    const first = await rig.call(args);
    const again = await rig.call(args);
    const sentTwice = rig.server.seen.length;
    const failed = await rig.call([...args, '--retry-failed']);

    expect(sentTwice).toBe(6);
    expect(again.stdout).toBe(first.stdout);
    expect([first.code, again.code]).toEqual([1, 1]);
    expect(rig.server.seen.length).toBe(7);
    expect(failed.stdout).toContain('API_REQUEST_FAILED');
  });

  it('of one endpoint, alias, parameter or server is not continued by another', async () => {
    const aliases = [{ name: 'seventh', endpoint: 'getUser', args: { delay: 1 } }];
    await using rig = await httpRig({ service: { aliases } });
    await using other = await RestServer.start();
    rig.put('other.yaml', JSON.stringify(serviceOf(other.url)));
    const args = ['--batch-json', '[{"id":1}]', '--session', 'mine'];
    await rig.call(['api.getUser', ...args]);

    const endpoint = await rig.call(['api.flaky', ...args]);
    const alias = await rig.call(['api.seventh', ...args]);
    const parameter = await rig.call(['api.getUser', '--param', 'delay=1', ...args]);
    const same = await rig.call(['api.getUser', ...args]);
    const server = await rig.call(['api.getUser', '--service', 'other.yaml', ...args]);

    expect([endpoint, alias, parameter, server, same].map(({ code }) => code)).toEqual([7, 7, 7, 7, 0]);
    expect(rig.server.seen.length).toBe(1);
    expect(other.seen).toEqual([]);
    expect(server.stderr).toContain('belongs to the task');
  });
});

describe('a signal', () => {
  it('lets requests finish, prints an answer for each item, and ends the process', async () => {
    await using rig = await httpRig();
    const started = rig.start(['api.getUser', '--batch-json', ids(40, { delay: 150 }), '-c', '4']);
    await rig.server.until(() => rig.server.seen.length >= 4);

    started.child.kill('SIGINT');
    const { signal, stdout, stderr } = await started.ended;
    const all = codes(stdout);

    expect(signal).toBe('SIGINT');
    expect(stderr).toContain('Stopping: waiting for');
    expect(all.length).toBe(40);
    expect(count(all, 'ok')).toBe(rig.server.seen.length);
    expect(count(all, 'ok') + count(all, 'CANCELLED')).toBe(40);
  });

  it('ends the wait for a stream that brings nothing', async () => {
    await using rig = await httpRig();
    const started = rig.start(['api.getUser', '--batch-file', '-']);
    await new Promise((resolve) => setTimeout(resolve, 700));

    started.child.kill('SIGINT');

    expect((await started.ended).signal).toBe('SIGINT');
  });

  it('that comes twice cuts them off', async () => {
    await using rig = await httpRig();
    const started = rig.start(['api.hang', '--batch-json', ids(4), '-c', '4']);
    await rig.server.until(() => rig.server.seen.length === 4);

    started.child.kill('SIGTERM');
    await started.said('Ctrl-C again');
    started.child.kill('SIGTERM');
    const { signal, stdout } = await started.ended;

    expect(signal).toBe('SIGTERM');
    expect(codes(stdout)).toEqual(Array(4).fill('CANCELLED'));
  });
});

describe('a stream', () => {
  it('may be lines or an array; a bad line is that item alone', async () => {
    await using rig = await httpRig();
    const args = ['api.getUser', '--batch-file', '-', '--output', 'ndjson', '-c', '3'];

    const lines = await rig.call(args, '{"id":1}\n{"id":\n7\n{"id":4}\n');
    const array = await rig.call(args, ' [{"id":1},\n{"id":2}]');

    expect(jsonLines(lines.stdout).map(({ index, success, error }) => [index, success, error?.code])).toEqual(
      [
        [0, true, undefined],
        [1, false, 'PARAM_INVALID'],
        [2, false, 'PARAM_INVALID'],
        [3, true, undefined],
      ],
    );
    expect(jsonLines(lines.stdout)[1].error.message).toContain('stdin:2:7: not JSON');
    expect(jsonLines(array.stdout).length).toBe(2);
    expect([lines.code, array.code]).toEqual([1, 0]);
  });

  it('that is closed by its reader ends without a word', async () => {
    await using rig = await httpRig();
    const started = rig.start(['api.getUser', '--batch-json', ids(3000), '-c', '5', '--output', 'ndjson']);
    await rig.server.until(() => rig.server.seen.length > 20);

    started.child.stdout?.destroy();
    const { code, stderr } = await started.ended;

    expect([code, stderr]).toEqual([0, '']);
    expect(rig.server.seen.length).toBeLessThan(3000);
  });
});
