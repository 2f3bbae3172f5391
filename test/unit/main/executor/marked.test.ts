/** Marks around attempts: what is written when, and which mark must stay. */

import { expect, it } from 'vitest';
import type { Chunk } from '../../../../src/main/executor/chunk.js';
import type {
  ChunkExecution,
  ChunkListener,
  Executor,
  Leftover,
} from '../../../../src/main/executor/executor.js';
import { MarkedExecutor } from '../../../../src/main/executor/marked.js';
import type { TaskTraits } from '../../../../src/protocol/task.js';
import { chunk } from '../../../support/run-rig.js';

const CHUNK = chunk(0, { inputs: ['input'], keys: ['key'] });

/** Runs a chunk whose execution ends like this; tells what was marked and what is left. */
async function execute(
  leftover: Leftover | undefined,
  traits: TaskTraits,
  chunk: Chunk = CHUNK,
): Promise<{ marks: string[]; leftovers: readonly Leftover[] }> {
  const marks: string[] = [];
  const execution: ChunkExecution = {
    over: Promise.resolve({ leftovers: leftover === undefined ? [] : [leftover] }),
    stop: () => {},
    abort: () => {},
  };
  const inner: Executor = {
    parallelism: 1,
    threads: 1,
    start: () => Promise.resolve(traits),
    execute: () => {
      marks.push('executed');
      return execution;
    },
    rebalance: () => undefined,
    close: () => Promise.resolve(),
  };
  const marker = {
    begin: async (key: string) => void marks.push(`begin ${key}`),
    takeBack: async (key: string) => void marks.push(`take back ${key}`),
  };
  const executor = new MarkedExecutor(inner, traits, marker);
  const { leftovers } = await executor.execute(
    chunk,
    { isExclusive: false, budgetMs: undefined },
    {} as ChunkListener,
  ).over;
  return { marks, leftovers };
}

const ONCE: TaskTraits = { execution: 'at-most-once', adopts: false, polls: false };
const ADOPTS: TaskTraits = { execution: 'at-most-once', adopts: true, polls: false };
const NEVER_BEGAN: Leftover = { position: 0, kind: 'again', isHere: false, begun: false };
const BYSTANDER: Leftover = { position: 0, kind: 'again', isHere: false, begun: true };

it('the mark is there before the attempt begins', async () => {
  expect((await execute(undefined, ONCE)).marks).toEqual(['begin key', 'executed']);
});

it('what never began is taken back, and may run again', async () => {
  const { marks, leftovers } = await execute(NEVER_BEGAN, ONCE);

  expect(marks).toEqual(['begin key', 'executed', 'take back key']);
  expect(leftovers).toEqual([NEVER_BEGAN]);
});

it('the mark of an earlier attempt that was cut off stays, whatever becomes of this one', async () => {
  const { marks } = await execute(NEVER_BEGAN, ADOPTS, { ...CHUNK, interrupted: true });

  expect(marks).toEqual(['begin key', 'executed']);
});

it.each([
  ['a bystander of a dead thread', BYSTANDER],
  ['a suspect', { position: 0, kind: 'suspect' } as const],
  [
    'an attempt that was ended',
    { position: 0, kind: 'failed', error: new Error('time'), startedAt: 1, workerId: 1 } as const,
  ],
])('%s fails when it is at-most-once, and runs again when it is not', async (_, leftover) => {
  const once = await execute(leftover, ONCE);
  const often = await execute(leftover, { execution: 'at-least-once', adopts: true, polls: false });

  expect(once.leftovers).toMatchObject([{ kind: 'failed', error: { code: 'HEDDLE_INTERRUPTED' } }]);
  expect(often.leftovers).toEqual([leftover]);
});
