/** After `close()` nothing is left: the process ends by itself, and reports no open handles, ports or timers. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const scenario = fileURLToPath(new URL('../fixtures/scenarios/clean-end.js', import.meta.url));

it.each([
  'values',
  'break',
  'abort',
  'crash',
  'timeout',
  'services',
  'inline',
  'without-close',
  'never-loads',
])('%s', async (name) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [scenario, name], {
    timeout: 20_000,
  });

  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ left: [], listeners: 0 });
});
