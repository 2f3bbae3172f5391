/** The measurement of `heddle bench`, apart from its figures. */

import { expect, it } from 'vitest';
import { measure } from '../../../src/compare/measure.js';

it('starts nothing after a signal that arrived while inputs were read', async () => {
  const steps: string[] = [];

  const figures = measure({
    module: '/nowhere.js',
    candidates: { inputs: ['a', 'b'], step: 1, total: 2, badRows: 0 },
    sample: 'auto',
    cores: 2,
    threads: undefined,
    chunks: undefined,
    concurrencies: undefined,
    rounds: 2,
    maxMs: 1000,
    timeoutMs: undefined,
    memoryLimitMb: undefined,
    force: false,
    output: 'drop',
    signal: AbortSignal.abort(new Error('interrupted')),
    onStep: (text) => steps.push(text),
  });

  await expect(figures).rejects.toThrow('interrupted');
  expect(steps).toEqual([]);
});
