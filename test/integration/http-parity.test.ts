/**
 * Output of `heddle http call`: the bytes of the format that it stands in for, one after the other and side
 * by side (A-HT-1).
 */

import { describe, expect, it } from 'vitest';
import { httpRig, ids } from '../support/http-rig.js';

const user = (id: unknown) => ({ success: true, data: { id: String(id), name: `User ${id}` } });
const failed = (status: number, text: string) => ({
  success: false,
  error: {
    code: 'API_REQUEST_FAILED',
    message: `HTTP ${status}: ${text}`,
    details: { error: `status ${status}` },
  },
});
const ok = (status: number) => ({ success: true, data: { error: `status ${status}` } });
const CANCELLED = { success: false, error: { code: 'CANCELLED', message: 'Operation cancelled' } };
const DEEP = { a: { b: { c: { d: { e: { f: [1, { g: 'deep' }] } } } } } };
const long = (length: number) => Array.from({ length }, (_, i) => i);

/** [name, endpoint, items, answers, exit code] */
const BATCHES: readonly (readonly [string, string, readonly object[], readonly object[], number])[] = [
  ['one success', 'getUser', [{ id: 1 }], [user(1)], 0],
  ['three successes', 'getUser', [{ id: 1 }, { id: 2 }, { id: 3 }], [user(1), user(2), user(3)], 0],
  ['ids that need escapes', 'getUser', [{ id: 'a/b c?' }, { id: 'ü' }], [user('a/b c?'), user('ü')], 0],
  ['a 404', 'status', [{ code: 404 }], [failed(404, 'Not Found')], 1],
  ['a 500', 'status', [{ code: 500 }], [failed(500, 'Internal Server Error')], 1],
  ['a 503, not repeated', 'status', [{ code: 503 }], [failed(503, 'Service Unavailable')], 1],
  ['a 429, not repeated', 'status', [{ code: 429 }], [failed(429, 'Too Many Requests')], 1],
  ['a 201', 'status', [{ code: 201 }], [ok(201)], 0],
  [
    'a mixture',
    'status',
    [{ code: 200 }, { code: 404 }, { code: 200 }],
    [ok(200), failed(404, 'Not Found'), ok(200)],
    1,
  ],
  [
    'all failed',
    'status',
    [{ code: 400 }, { code: 401 }],
    [failed(400, 'Bad Request'), failed(401, 'Unauthorized')],
    1,
  ],
  ['a text', 'text', [{}], [{ success: true, data: 'plain text' }], 0],
  ['two texts', 'text', [{}, {}], Array(2).fill({ success: true, data: 'plain text' }), 0],
  ['an answer without content', 'any', [{ kind: 'empty', id: 1 }], [{ success: true, data: null }], 0],
  ['many', 'getUser', long(150).map((id) => ({ id })), long(150).map(user), 0],
  [
    'details that are nested deeply',
    'deep',
    [{ code: 422 }],
    [
      {
        success: false,
        error: { code: 'API_REQUEST_FAILED', message: 'HTTP 422: Unprocessable Entity', details: DEEP },
      },
    ],
    1,
  ],
  ['a deep answer', 'deep', [{ code: 200 }], [{ success: true, data: DEEP }], 0],
];

describe('json', () => {
  it.each(BATCHES)('%s', async (_name, endpoint, items, answers, code) => {
    await using rig = await httpRig();
    const args = [`api.${endpoint}`, '--batch-json', JSON.stringify(items)];
    const [one, parallel] = [await rig.call(args), await rig.call([...args, '--parallel'])];

    expect(one).toEqual({ code, signal: null, stdout: `${JSON.stringify(answers, null, 2)}\n`, stderr: '' });
    expect(parallel).toEqual(one);
    expect(rig.server.peak).toBeLessThanOrEqual(5);
  });

  it('is the very bytes', async () => {
    await using rig = await httpRig();

    const { stdout } = await rig.call(['api.status', '--batch-json', '[{"code":200},{"code":404}]']);

    expect(stdout).toBe(
      '[\n  {\n    "success": true,\n    "data": {\n      "error": "status 200"\n    }\n  },\n' +
        '  {\n    "success": false,\n    "error": {\n      "code": "API_REQUEST_FAILED",\n' +
        '      "message": "HTTP 404: Not Found",\n      "details": {\n        "error": "status 404"\n      }\n    }\n  }\n]\n',
    );
  });

  it('of a single call is the data alone, or the error', async () => {
    await using rig = await httpRig();

    const good = await rig.call(['api.getUser', '--param', 'id=7']);
    const bad = await rig.call(['api.status', '--param', 'code=404']);

    expect(good.stdout).toBe('{\n  "id": "7",\n  "name": "User 7"\n}\n');
    expect(bad.stdout).toBe(`${JSON.stringify({ error: failed(404, 'Not Found').error }, null, 2)}\n`);
    expect([good.code, bad.code]).toEqual([0, 1]);
  });
});

describe('fail-fast', () => {
  const items = JSON.stringify([200, 404, 200, 500].map((code) => ({ code })));

  it('one after the other ends the array with the failure, and sends nothing more', async () => {
    await using rig = await httpRig();

    const { stdout, code } = await rig.call(['api.status', '--batch-json', items, '--fail-fast']);

    expect(stdout).toBe(`${JSON.stringify([ok(200), failed(404, 'Not Found')], null, 2)}\n`);
    expect(code).toBe(1);
    expect(rig.server.seen.map(({ url }) => url)).toEqual(['/status/200', '/status/404']);
  });

  it('side by side has an answer for each item', async () => {
    await using rig = await httpRig({
      hook: ({ url }) => url === '/status/200',
    });

    const { stdout, code } = await rig.call(['api.status', '--batch-json', items, '--fail-fast', '-c', '2']);

    expect(stdout).toBe(
      `${JSON.stringify([CANCELLED, failed(404, 'Not Found'), CANCELLED, CANCELLED], null, 2)}\n`,
    );
    expect(code).toBe(1);
  });
});

describe('pretty', () => {
  it('is for people', async () => {
    await using rig = await httpRig();

    const { stdout, code } = await rig.call([
      'api.any',
      '--batch-json',
      '[{"kind":"users","id":1},{"kind":"status","id":404},{"kind":"text","id":1}]',
      ...['--output', 'pretty'],
    ]);

    expect(stdout).toBe(
      '=== Request 1/3 ===\n✓ Success\n{\n  "id": "1",\n  "name": "User 1"\n}\n\n' +
        '=== Request 2/3 ===\n✗ [API_REQUEST_FAILED] HTTP 404: Not Found\nDetails: {\n  "error": "status 404"\n}\n\n' +
        '=== Request 3/3 ===\n✓ Success\nplain text\n\nSummary: 2 succeeded, 1 failed\n',
    );
    expect(code).toBe(1);
  });

  it('does not let an answer steer the terminal', async () => {
    await using rig = await httpRig({
      hook: (_, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' }).end('\u001b[2Jgone');
        return true;
      },
    });

    const { stdout } = await rig.call(['api.text', '--output', 'pretty']);

    expect(stdout).toContain('\\x1b[2Jgone');
  });
});

it('ndjson is one answer a line, with its index', async () => {
  await using rig = await httpRig();

  const { stdout } = await rig.call([
    'api.status',
    '--batch-json',
    '[{"code":200},{"code":404}]',
    '--output',
    'ndjson',
  ]);

  expect(stdout).toBe(
    `${JSON.stringify({ index: 0, ...ok(200) })}\n${JSON.stringify({ index: 1, ...failed(404, 'Not Found') })}\n`,
  );
});

it('answers are in the order of the items, whichever comes first', async () => {
  const expected = `${JSON.stringify(long(40).map(user), null, 2)}\n`;
  await using rig = await httpRig();
  const outputs = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const items = long(40).map((id) => ({ id, delay: 1 + Math.floor(Math.random() * 25) }));
    outputs.add((await rig.call(['api.getUser', '--batch-json', JSON.stringify(items), '-c', '10'])).stdout);
  }

  expect([...outputs]).toEqual([expected]);
});

describe('what makes no batch is refused, and nothing is sent', () => {
  it.each([
    ['an empty batch', ['--batch-json', '[]'], '--batch-json: the batch is empty'],
    ['bad JSON', ['--batch-json', '[{"id":1},'], '--batch-json:1:11: not JSON'],
    ['no array', ['--batch-json', '{"id":1}'], 'expected a JSON array such as'],
    [
      'an item that is no object',
      ['--batch-json', '[{"id":1},7]'],
      '--batch-json, element 2: expected an object',
    ],
    ['no path variable anywhere', ['--batch-json', '[{"x":1},{}]'], 'no item has the path parameter "id"'],
    [
      'both ways to give items',
      ['--batch-json', '[]', '--batch-file', 'x.json'],
      'cannot be used with option',
    ],
    ['a missing file', ['--batch-file', 'nowhere.json'], '--batch-file nowhere.json does not exist'],
    ['an empty stream', ['--batch-file', '-'], 'stdin: the batch is empty'],
    ['a burst without a rate', ['--batch-json', ids(1), '--burst', '5'], 'burst'],
    [
      'a burst beyond the rate',
      ['--batch-json', ids(1), '--rate-limit', '5', '--burst', '9'],
      '--burst 9 is more than',
    ],
    ['--retry-failed alone', ['--batch-json', ids(1), '--retry-failed'], 'add --session'],
  ])('%s', async (_name, args, message) => {
    await using rig = await httpRig();

    const { code, stdout, stderr } = await rig.call(['api.getUser', ...args]);

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(rig.server.seen).toEqual([]);
  });

  it('while a single item without it is that item alone', async () => {
    await using rig = await httpRig();

    const { stdout, code } = await rig.call([
      'api.getUser',
      '--batch-json',
      '[{"id":1},{"x":1},{"id":""},{"id":".."}]',
    ]);

    expect(JSON.parse(stdout).map((each: { error?: { code: string } }) => each.error?.code ?? 'ok')).toEqual([
      'ok',
      'PARAM_INVALID',
      'PARAM_INVALID',
      'PARAM_INVALID',
    ]);
    expect(code).toBe(1);
    expect(rig.server.seen.length).toBe(1);
  });
});
