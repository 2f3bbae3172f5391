/** What providers say about limits in their headers: one vector for each form that is known. */

import { describe, expect, it } from 'vitest';
import {
  announcedWaitMs,
  readLimitHeaders,
} from '../../../../../src/main/lanes/failures/announced-limits.js';
import { limitHeadersOf } from '../../../../../src/protocol/limit-headers.js';

const NOW = Date.parse('2026-07-01T12:00:00Z');
const HOUR = 3_600_000;

function read(headers: Record<string, string>, epochMs: number = NOW) {
  return readLimitHeaders(headers, epochMs);
}

function window(headers: Record<string, string>, epochMs: number = NOW) {
  const { windows } = read(headers, epochMs);
  expect(windows).toHaveLength(1);
  return windows[0];
}

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    ['0', 0],
    ['1.5', 1500],
    [' 7 ', 7000],
    ['Wed, 01 Jul 2026 12:00:30 GMT', 30_000],
    ['wed, 01 jul 2026 12:00:30 gmt', 30_000],
    ['Wednesday, 01-Jul-26 12:00:30 GMT', 30_000],
    ['Wed Jul  1 12:00:30 2026', 30_000],
    ['Wed, 01 Jul 2020 12:00:30 GMT', 0],
    // More than 50 years ahead means the century before.
    ['Friday, 01-Jul-94 12:00:30 GMT', 0],
  ])('%s is %d ms', (value, ms) => {
    expect(read({ 'retry-after': value }).retryAfterMs).toBe(ms);
  });

  it.each([
    'soon',
    'soon 5',
    '-5',
    '+5',
    '1e3',
    '0x10',
    '5, 5',
    '',
    'NaN',
    'Infinity',
    '9'.repeat(400),
    '2026-07-01',
    'Wed, 31 Jun 2026 12:00:30 GMT',
    'Wed, 01 Jul 2026 24:00:30 GMT',
    'Wed, 01 Jux 2026 12:00:30 GMT',
    'Wed, 01 Jul 2026 12:00:30 EST',
  ])('%j is none', (value) => {
    expect(read({ 'retry-after': value })).toEqual({ windows: [] });
  });

  it('goes by the clock of the provider', () => {
    const date = 'Wed, 01 Jul 2026 12:00:00 GMT';
    const retry = { date, 'retry-after': 'Wed, 01 Jul 2026 12:00:30 GMT' };

    expect(read(retry, NOW + HOUR).retryAfterMs).toBe(30_000);
    expect(read(retry, NOW - HOUR).retryAfterMs).toBe(30_000);
    expect(read({ ...retry, date: 'yesterday' }, NOW + 10_000).retryAfterMs).toBe(20_000);
  });

  it('in ms comes first, then that of Microsoft', () => {
    const all = { 'retry-after': '3', 'x-ms-retry-after-ms': '20', 'retry-after-ms': '250.5' };

    expect(read(all).retryAfterMs).toBe(250.5);
    expect(read({ ...all, 'retry-after-ms': 'x' }).retryAfterMs).toBe(20);
    expect(read({ ...all, 'retry-after-ms': 'x', 'x-ms-retry-after-ms': '-1' }).retryAfterMs).toBe(3000);
  });
});

describe('RateLimit and RateLimit-Policy', () => {
  it('are one window for each name', () => {
    const headers = {
      'ratelimit-policy': '"burst";q=100;w=60, "daily";q=1000;w=86400;qu="content-bytes"',
      ratelimit: '"burst";r=50;t=30,"daily";r=0;t=3600;pk=:cHsdsRa894==:',
    };

    expect(read(headers).windows).toEqual([
      { name: 'burst', unit: 'requests', limit: 100, perMs: 60_000, remaining: 50, resetMs: 30_000 },
      { name: 'daily', unit: 'content-bytes', limit: 1000, perMs: 86_400_000, remaining: 0, resetMs: HOUR },
    ]);
  });

  it('may come alone', () => {
    expect(window({ ratelimit: '"default"; r=5; t=1' })).toEqual({
      name: 'default',
      unit: 'requests',
      remaining: 5,
      resetMs: 1000,
    });
    expect(window({ 'ratelimit-policy': '"a\\"b";q=10;w=1;qu="concurrent-requests"' })).toEqual({
      name: 'a"b',
      unit: 'concurrent-requests',
      limit: 10,
      perMs: 1000,
    });
  });

  it('may have the form of draft 7', () => {
    const headers = {
      ratelimit: 'limit=50, remaining=0, reset=5',
      'ratelimit-policy': '10;w=1, 50;w=60;comment="x"',
    };

    expect(read(headers).windows).toEqual([
      { name: 'default 2', unit: 'requests', limit: 50, perMs: 60_000, remaining: 0, resetMs: 5000 },
      { name: 'default', unit: 'requests', limit: 10, perMs: 1000 },
    ]);
  });

  it.each([
    '"a;r=1',
    '"a";r=1,',
    '"a";r=1 "b";r=2',
    '"a" ;r=1',
    '"a";R=1',
    '"a";r=1;',
    '"a";r=01234567890123456',
    '"a";r=1.2.3',
    '"ä";r=1',
    '("a" "b");r=1',
    '"a";r=-1',
    '"a";r=1.5',
    '"a";r="1"',
    '"a";r',
    '"a";t=1',
    '5;r=1',
    '',
    ',',
  ])('%j is left out', (ratelimit) => {
    expect(read({ ratelimit }).windows).toEqual([]);
  });

  it('a negative reset is left out, the rest counts', () => {
    expect(window({ ratelimit: '"a";r=1;t=-5' })).toEqual({ name: 'a', unit: 'requests', remaining: 1 });
    expect(Object.is(window({ ratelimit: '"a";r=-0' })?.remaining, 0)).toBe(true);
  });
});

describe('three headers', () => {
  it.each(['ratelimit', 'x-ratelimit', 'x-rate-limit'])('%s', (prefix) => {
    const headers = {
      [`${prefix}-limit`]: '100, 100;w=60',
      [`${prefix}-remaining`]: '0',
      [`${prefix}-reset`]: '24',
    };

    expect(window(headers)).toEqual({
      name: 'default',
      unit: 'requests',
      limit: 100,
      remaining: 0,
      resetMs: 24_000,
    });
  });

  it.each([
    ['GitHub: seconds since 1970', String(NOW / 1000 + 90), 90_000],
    ['with a fraction', String(NOW / 1000 + 90.25), 90_250],
    ['ms since 1970', String(NOW + 90_000), 90_000],
    ['a moment that is over', String(NOW / 1000 - 90), 0],
    ['RFC 3339', '2026-07-01T12:00:20Z', 20_000],
    ['RFC 3339 with zone and fraction', '2026-07-01T14:00:20.5+02:00', 20_500],
    ['an HTTP date', 'Wed, 01 Jul 2026 12:00:30 GMT', 30_000],
    ['nonsense', 'later', undefined],
    ['microseconds', String(NOW * 1000), undefined],
    ['not a day', '2026-13-01T12:00:20Z', undefined],
  ])('reset: %s', (_, reset, ms) => {
    expect(window({ 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': reset })?.resetMs).toBe(ms);
  });

  it('names the resource of GitHub, and goes by its clock', () => {
    const headers = {
      date: 'Wed, 01 Jul 2026 12:00:00 GMT',
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(NOW / 1000 + 90),
      'x-ratelimit-resource': 'core',
    };

    expect(window(headers, NOW + HOUR)).toEqual({
      name: 'core',
      unit: 'requests',
      limit: 5000,
      remaining: 0,
      resetMs: 90_000,
    });
  });

  it('prefers the time that is left to a moment', () => {
    const headers = {
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '99',
      'x-ratelimit-reset-after': '1.25',
    };

    expect(window(headers)?.resetMs).toBe(1250);
  });

  it('without limit and remaining are no window', () => {
    expect(read({ 'x-ratelimit-reset': '24', 'x-ratelimit-limit': 'many' }).windows).toEqual([]);
  });
});

describe('providers', () => {
  it.each([
    ['1s', 1000],
    ['6m0s', 360_000],
    ['12ms', 12],
    ['1h2m3.5s', 3_723_500],
    ['8.64s', 8640],
    ['59', 59_000],
    ['1s junk', undefined],
    ['junk 1s', undefined],
    ['1s2', undefined],
    ['s', undefined],
  ])('OpenAI: a reset of %s', (reset, resetMs) => {
    const headers = {
      'x-ratelimit-limit-tokens': '150000',
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-tokens': reset,
    };

    expect(window(headers)).toEqual({
      name: 'openai',
      unit: 'tokens',
      limit: 150_000,
      remaining: 149_984,
      ...(resetMs !== undefined && { resetMs }),
    });
  });

  it('Anthropic: each of its units', () => {
    const headers = Object.fromEntries(
      ['requests', 'tokens', 'input-tokens', 'output-tokens'].flatMap((unit, index) => [
        [`anthropic-ratelimit-${unit}-limit`, '16000'],
        [`anthropic-ratelimit-${unit}-remaining`, String(index)],
        [`anthropic-ratelimit-${unit}-reset`, '2026-07-01T12:00:20Z'],
      ]),
    );

    const { windows } = read(headers);
    expect(windows.map(({ unit, remaining }) => [unit, remaining])).toEqual([
      ['requests', 0],
      ['tokens', 1],
      ['input-tokens', 2],
      ['output-tokens', 3],
    ]);
    expect(windows.every(({ limit, resetMs }) => limit === 16_000 && resetMs === 20_000)).toBe(true);
  });

  it('Dataverse: recommended parallelism, and nothing of the headers that are for debugging', () => {
    const headers = { 'x-ms-dop-hint': '8', 'x-ms-ratelimit-burst-remaining-xrm-requests': '0' };

    expect(read(headers)).toEqual({ concurrencyHint: 8, windows: [] });
    expect(read({ 'x-ms-dop-hint': '0' })).toEqual({ windows: [] });
  });

  it('x-should-retry: true, false, or nothing', () => {
    expect(read({ 'x-should-retry': 'true' }).shouldRetry).toBe(true);
    expect(read({ 'x-should-retry': 'False' }).shouldRetry).toBe(false);
    expect(read({ 'x-should-retry': '1' })).toEqual({ windows: [] });
  });
});

it('waits as asked, else until all that is used up is renewed, else as long as it likes', () => {
  const used = { ratelimit: '"a";r=0;t=5,"b";r=0;t=9,"c";r=1;t=99' };

  expect(announcedWaitMs(read({ ...used, 'retry-after': '2' }))).toBe(2000);
  expect(announcedWaitMs(read(used))).toBe(9000);
  expect(announcedWaitMs(read({ ratelimit: '"a";r=1;t=5' }))).toBeUndefined();
});

describe('limitHeadersOf', () => {
  const expected = { date: 'd', 'retry-after': '5', ratelimit: '"a";r=1, "b";r=2' };
  const plain = {
    Date: 'd',
    'Retry-After': '5',
    RateLimit: ['"a";r=1', '"b";r=2'],
    'Set-Cookie': ['secret'],
    Authorization: 'secret',
  };
  const pairs = Object.entries(plain).flatMap(([name, values]) =>
    [values].flat().map((value): [string, string] => [name, value]),
  );

  it.each([
    ['a plain object', plain],
    ['Headers', new Headers(pairs)],
    ['a Map', new Map<string, unknown>(Object.entries(plain))],
    ['an array of pairs', pairs],
    ['an object without prototype', Object.assign(Object.create(null), plain)],
  ])('takes %s', (_, headers) => {
    expect(limitHeadersOf(headers)).toEqual(expected);
  });

  it('takes numbers, and a header that was repeated once', () => {
    expect(limitHeadersOf({ 'retry-after': 5 })).toEqual({ 'retry-after': '5' });
    expect(
      limitHeadersOf([
        ['retry-after', '5'],
        ['Retry-After', '5'],
      ]),
    ).toEqual({ 'retry-after': '5' });
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'retry-after: 5'],
    ['a number', 5],
    ['a function', () => 5],
    ['a flat array', ['retry-after', '5']],
    ['bytes', Buffer.from('retry-after')],
    ['a date alone', { date: 'x' }],
    ['a value that is no text', { 'retry-after': { valueOf: (): number => 5 } }],
    [
      'a getter that throws',
      {
        get 'retry-after'() {
          throw new Error('no');
        },
      },
    ],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          has() {
            throw new Error('no');
          },
        },
      ),
    ],
    ['megabytes', { 'retry-after': '5'.repeat(1e6) }],
  ])('has nothing to tell of %s', (_, headers) => {
    expect(limitHeadersOf(headers)).toEqual({});
  });

  it('comes to an end with an iterator that does not', () => {
    const endless = {
      *[Symbol.iterator]() {
        for (;;) yield ['retry-after', '5'];
      },
    };

    expect(limitHeadersOf(endless)).toEqual({ 'retry-after': '5' });
  });
});
