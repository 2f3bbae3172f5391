/** K4, K5 and K16: reasons and errors that throw when they are looked at reject the run; they never hang it or end the process. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { hostileScript } from '../support/hostile/fixtures.js';

const SCRIPT = fileURLToPath(hostileScript('odd-reasons.mjs'));
const WAYS = [
  'abort',
  'drain',
  'signal',
  'onOutcome',
  'async onOutcome',
  'key',
  'a key',
  'retryIf',
  'classify',
];
const MORE_WAYS = ['locks', 'a lock', 'onError of executeInParallel', 'onProgress of executeInParallel'];

describe.each(['revoked', 'throwingProxy', 'undefined'])('a reason that is %s', (is) => {
  const ways = [...WAYS, ...MORE_WAYS].filter((way) => is !== 'undefined' || way !== 'a lock');

  it.each(ways)('rejects the run: %s', async (way) => {
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, way, is], { timeout: 15_000 });

    expect(JSON.parse(stdout)).toEqual({ run: 'rejected', close: 'fulfilled' });
  });
});
