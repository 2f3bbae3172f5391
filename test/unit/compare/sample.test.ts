/** How large the sample of `heddle bench` is. */

import { describe, expect, it } from 'vitest';
import { OutOfTime } from '../../../src/compare/child-process.js';
import { betterSize, type Pilot, runPilot, sampleSize } from '../../../src/compare/sample.js';

describe('the size of the sample', () => {
  const pilot: Pilot = { taskMs: 1, cpuShare: 1, payload: { bytes: 10, moveMs: 0.001 } };
  const request = { asked: 'auto' as const, candidates: 1_000_000, pilot, maxMs: 60_000 };

  it('is about a second of work, two where tasks wait, and never more than there is', () => {
    expect(sampleSize(request)).toBe(1000);
    expect(sampleSize({ ...request, pilot: { ...pilot, cpuShare: 0.1 } })).toBe(2000);
    expect(sampleSize({ ...request, candidates: 70 })).toBe(70);
    expect(sampleSize({ ...request, pilot: { ...pilot, taskMs: 0.0001 } })).toBe(100_000);
    expect(sampleSize({ ...request, asked: 7 })).toBe(7);
  });

  it('is a few tasks at least, but not more than fit into the time', () => {
    expect(sampleSize({ ...request, pilot: { ...pilot, taskMs: 100 } })).toBe(16);
    expect(sampleSize({ ...request, pilot: { ...pilot, taskMs: 2000 } })).toBe(2);
    expect(sampleSize({ ...request, maxMs: 6000 })).toBe(100);
  });

  it('is smaller where values are large, however short the tasks', () => {
    expect(
      sampleSize({ ...request, pilot: { ...pilot, taskMs: 0.001, payload: { bytes: 5e6, moveMs: 5 } } }),
    ).toBe(100);
  });

  it('is mended when the pilot was far off, unless the user has asked for it', () => {
    expect(betterSize(request, 100, 100)).toBe(1000);
    expect(betterSize(request, 1000, 5000)).toBe(200);
    expect(betterSize(request, 1000, 900)).toBeUndefined();
    expect(betterSize({ ...request, candidates: 100 }, 100, 100)).toBeUndefined();
    expect(betterSize({ ...request, asked: 100 }, 100, 9000)).toBeUndefined();
  });
});

describe('the pilot', () => {
  it('names the input that does not end in time', async () => {
    const child = {
      give: async () => {},
      ask: async () => {
        throw new OutOfTime('plain loop');
      },
    };
    const candidates = { inputs: ['a', 'b'], step: 1, total: 2, badRows: 0 };

    await expect(runPilot(child, candidates, 0, 1000)).rejects.toThrow(
      'the task with the input a did not end within 1.0 s on the main thread',
    );
  });
});
