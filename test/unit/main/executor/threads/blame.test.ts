/** Which task is to blame when a thread dies. */

import { expect, it } from 'vitest';
import { blame, type ChunkState } from '../../../../../src/main/executor/threads/blame.js';
import { PHASES } from '../../../../../src/protocol/control-cell.js';

const state = (over: Partial<ChunkState>): ChunkState => ({
  begun: 1,
  reported: 0,
  phase: PHASES.awaiting,
  isolated: false,
  ...over,
});

it.each([
  [
    'one awaiting task and an exit, which a timer of a task before may have caused',
    [state({})],
    'exit',
    ['suspect'],
  ],
  ['one awaiting task and an uncaught error', [state({})], 'uncaught', ['suspect']],
  ['the same in a thread of its own', [state({ isolated: true })], 'uncaught', ['guilty']],
  ['several awaiting tasks', [state({}), state({})], 'exit', ['suspect', 'suspect']],
  [
    'an exit inside a synchronous part',
    [state({}), state({ phase: PHASES.synchronous })],
    'exit',
    ['bystander', 'guilty'],
  ],
  [
    'memory, which all tasks before may have filled',
    [state({}), state({ phase: PHASES.synchronous })],
    'out-of-memory',
    ['bystander', 'suspect'],
  ],
  [
    'memory in a thread of its own',
    [state({ phase: PHASES.synchronous, isolated: true })],
    'out-of-memory',
    ['guilty'],
  ],
  [
    'a chunk that did not begin',
    [state({ begun: 0, phase: PHASES.between }), state({})],
    'exit',
    ['bystander', 'suspect'],
  ],
  ['a chunk between tasks', [state({ begun: 3, reported: 3, phase: PHASES.between })], 'exit', ['bystander']],
  [
    'a task that ended and was not reported',
    [state({ begun: 3, reported: 2, phase: PHASES.between })],
    'exit',
    ['bystander'],
  ],
] as const)('%s', (_, chunks, death, verdicts) => {
  expect(blame(chunks, death)).toEqual(verdicts);
});
