/**
 * The rounds: each variant is measured once in each, in turn (A B C, then C B A, …), so that a slow moment of the machine hits all alike
 * and none always runs behind the same neighbour.
 *
 * They end when they are done or when the next would not end in time. Two come in any case if they can; what cannot be measured twice in
 * time is left out before, the least important first.
 */

import type { ChildProcess } from './child-process.js';
import type { LeftOut } from './figures.js';
import { OutOfTime } from './problems.js';
import type { Round } from './protocol.js';
import type { Variant } from './variants.js';

/** A variant with its process, ready and warm. */
export interface Entry {
  readonly variant: Variant;
  readonly child: ChildProcess;
  readonly startMs: number;
  /** What a round takes, as far as the warm-up knows. */
  readonly checkMs: number;
  /** What was measured. */
  readonly rounds: Round[];
}

/** How rounds are run. */
export interface RoundsRequest {
  readonly rounds: number;
  readonly deadline: number;
  /** The loop times each task. */
  readonly clocksLoop: boolean;
  readonly onStep: (text: string) => void;
}

/** Fewer say nothing about spread. */
export const LEAST_ROUNDS = 2;
/** A clock and a scheduler are too coarse for less; a shorter sample is run several times, and the mean counts. */
const LEAST_ROUND_MS = 40;
const MOST_REPEATS = 50;

/** What the least rounds of some variants will take. */
export function leastMs(entries: readonly Entry[]): number {
  return entries.reduce((sum, { checkMs }) => sum + checkMs * LEAST_ROUNDS, 0);
}

/**
 * Adds rounds to the entries.
 *
 * @param entries - the most important first; those for which there is no time are taken away
 */
export async function runRounds(
  entries: Entry[],
  request: RoundsRequest,
): Promise<{ leftOut: LeftOut[]; warnings: string[] }> {
  const leftOut = dropWhatCannotFit(entries, request.deadline);
  const warning = await runAll(entries, request);
  const unmeasured = entries.filter(({ rounds }) => rounds.length === 0);
  return {
    leftOut: [...leftOut, ...unmeasured.map(({ variant: { name } }) => ({ name, reason: 'no time' }))],
    warnings: warning === undefined ? [] : [warning],
  };
}

function dropWhatCannotFit(entries: Entry[], deadline: number): LeftOut[] {
  const leftOut: LeftOut[] = [];
  while (entries.length > 2 && performance.now() + leastMs(entries) > deadline) {
    const entry = entries.pop() as Entry;
    entry.child.kill();
    leftOut.push({ name: entry.variant.name, reason: 'no time' });
  }
  return leftOut;
}

/** @returns a warning when they could not all be run */
async function runAll(entries: readonly Entry[], request: RoundsRequest): Promise<string | undefined> {
  const { rounds, deadline } = request;
  for (let round = 1; round <= rounds; round++) {
    const startedAt = performance.now();
    if (!(await runOne(round % 2 === 1 ? entries : entries.toReversed(), round, request)))
      return `the time was over in round ${round} of ${rounds}: what was measured until then counts`;
    const now = performance.now();
    if (round < rounds && round >= LEAST_ROUNDS && now + (now - startedAt) > deadline)
      return `${round} rounds instead of ${rounds}: more did not fit into --max-time`;
  }
  return undefined;
}

/** @returns false when the time is over */
async function runOne(entries: readonly Entry[], round: number, request: RoundsRequest): Promise<boolean> {
  for (const entry of entries) {
    request.onStep(`round ${round} of ${request.rounds}: ${entry.variant.name}`);
    try {
      entry.rounds.push(await measure(entry, request));
    } catch (error) {
      if (error instanceof OutOfTime) return false;
      throw error;
    }
  }
  return true;
}

async function measure({ variant, child, checkMs }: Entry, request: RoundsRequest): Promise<Round> {
  const repeats = Math.min(MOST_REPEATS, Math.ceil(LEAST_ROUND_MS / Math.max(checkMs, 1e-3)));
  const times = variant.kind === 'loop' && request.clocksLoop;
  const rounds: Round[] = [];
  for (let i = 0; i < repeats; i++)
    rounds.push(await child.ask({ type: 'round', hashes: false, times }, request.deadline));
  const mean = (of: (round: Round) => number) => rounds.reduce((sum, each) => sum + of(each), 0) / repeats;
  return { ...(rounds.at(-1) as Round), ms: mean(({ ms }) => ms), cpuMs: mean(({ cpuMs }) => cpuMs) };
}
