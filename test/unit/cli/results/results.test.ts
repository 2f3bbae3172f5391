/** What becomes of outcomes: their lines, the inputs of failed tasks, and values that cannot be written. */

import { describe, expect, it } from 'vitest';
import { Feed } from '../../../../src/cli/inputs/feed.js';
import { badRow, type InputSource, type Row } from '../../../../src/cli/inputs/input-source.js';
import { LineWriter } from '../../../../src/cli/results/line-writer.js';
import { Results } from '../../../../src/cli/results/results.js';
import type { Outcome } from '../../../../src/main/index.js';

class Sink {
  text = '';
  readonly writer = new LineWriter(
    {
      write: async (bytes) => {
        this.text += bytes.toString();
      },
      commit: async () => {},
      discard: async () => {},
      discardNow: () => {},
    },
    () => {},
  );

  async lines(): Promise<unknown[]> {
    await this.writer.commit();
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }
}

function sourceOf(rows: readonly Row[]): InputSource {
  return {
    name: 'stdin',
    isRepeatable: false,
    isSync: false,
    isLines: false,
    place: (line) => `stdin:${line}`,
    open: () => rows,
  };
}

const base = { key: 'k', attempts: 1, startedAt: undefined, durationMs: 0, workerId: 0 };
const succeeded = (index: number, value: unknown): Outcome => ({
  ...base,
  index,
  status: 'succeeded',
  value,
});
const failed = (index: number): Outcome => ({ ...base, index, status: 'failed', error: new Error('boom') });

async function resultsOf(mode: 'outcomes' | 'values') {
  const rows = [
    { line: 1, input: 'one', problem: undefined },
    { line: 2, input: 'two', problem: undefined },
    badRow(3, 'not JSON', '{'),
    { line: 4, input: 'four', problem: undefined },
  ];
  const feed = new Feed([sourceOf(rows)], { keyOf: undefined, keeps: 'in-order' });
  for await (const _ of feed.inputs());
  const [out, failedOut] = [new Sink(), new Sink()];
  const counts: number[] = [];
  const results = new Results({
    feed,
    lines: out.writer,
    mode,
    failed: { lines: failedOut.writer, format: 'jsonl' },
    onUnwritable: ({ count }) => counts.push(count),
  });
  const outcomes = [succeeded(0, 1n), failed(1), failed(2), succeeded(3, 4)];
  for (const outcome of outcomes) await results.take(outcome);
  return { results, counts, out: await out.lines(), failedOut: await failedOut.lines() };
}

describe('results', () => {
  it('are a line for each outcome; a value that cannot be written is a failure that is counted here', async () => {
    const { results, counts, out } = await resultsOf('outcomes');

    expect(out).toMatchObject([
      { index: 0, status: 'failed', error: { code: 'HEDDLE_OUTPUT' } },
      { index: 1, status: 'failed' },
      { index: 2, status: 'failed' },
      { index: 3, status: 'succeeded', value: 4 },
    ]);
    expect(results.unwritable).toMatchObject({ code: 'HEDDLE_OUTPUT', count: 1, indexes: [0] });
    expect(counts).toEqual([1]);
  });

  it('are only the values of succeeded tasks with --values', async () => {
    const { results, out } = await resultsOf('values');

    expect(out).toEqual([4]);
    expect(results.unwritable?.count).toBe(1);
  });

  it('keep the inputs of failed tasks, except what could not be read', async () => {
    const { results, failedOut } = await resultsOf('outcomes');

    expect(failedOut.map((line) => (line as { input: unknown }).input)).toEqual(['one', 'two']);
    expect(results.unreadable).toBe(1);
    expect([...results.examples]).toEqual([
      [0, 'one'],
      [1, 'two'],
      [2, '{'],
    ]);
  });
});
