/**
 * The rounds: each variant is measured once in each, in turn (A B C, then C B A, …), so that a slow moment of
 * the machine affects all alike and none always follows the same neighbour.
 *
 * They end when all are done, or when the next would not end in time. At least two are run if possible:
 * variants that cannot be measured twice in time are left out first, the least important ones before the
 * others.
 */

import { type ChildProcess, OutOfTime } from './child-process.js';
import type { Round } from './child-protocol.js';
import type { LeftOut } from './figures.js';
import { mean } from './statistics.js';
import type { Variant } from './variants.js';

/** A variant with its process, ready and warm. */
export interface WarmVariant {
  readonly variant: Variant;
  readonly child: ChildProcess;
  readonly startMs: number;
  /** The first round, which warms up. */
  readonly first: Round;
  /** What a round takes, as far as the warm-up shows. */
  readonly expectedMs: number;
  /** Time every task, where the variant does so on request only. */
  readonly times: boolean;
  readonly rounds: Round[];
}

export interface RoundsRequest {
  readonly rounds: number;
  /** By `performance.now()`. */
  readonly deadline: number;
  readonly onStep: (text: string) => void;
}

/** Fewer say nothing about spread. */
export const LEAST_ROUNDS = 2;
/**
 * Clock and scheduler are too coarse for less. A shorter sample is run several times, and the mean counts.
 */
const LEAST_ROUND_MS = 40;
const MOST_REPEATS = 50;

/** How long the minimum of rounds takes. */
export function leastMs(variants: readonly WarmVariant[]): number {
  return variants.reduce((sum, { expectedMs }) => sum + expectedMs * LEAST_ROUNDS, 0);
}

/**
 * Adds rounds to the variants.
 *
 * @param variants - the most important first; those for which there is no time are removed
 */
export async function runRounds(
  variants: WarmVariant[],
  request: RoundsRequest,
): Promise<{ leftOut: LeftOut[]; warnings: string[] }> {
  const dropped: WarmVariant[] = [];
  while (variants.length > 2 && performance.now() + leastMs(variants) > request.deadline) {
    const last = variants.pop() as WarmVariant;
    last.child.kill();
    dropped.push(last);
  }
  const warning = await runAll(variants, request);
  const unmeasured = variants.filter(({ rounds }) => rounds.length === 0);
  return {
    leftOut: [...dropped, ...unmeasured].map(({ variant: { name } }) => ({ name, reason: 'no time' })),
    warnings: warning === undefined ? [] : [warning],
  };
}

/** @returns a warning if the time was too short for all */
async function runAll(variants: readonly WarmVariant[], request: RoundsRequest): Promise<string | undefined> {
  const { rounds, deadline, onStep } = request;
  for (let round = 1; round <= rounds; round++) {
    const startedAt = performance.now();
    try {
      for (const each of round % 2 === 1 ? variants : variants.toReversed()) {
        onStep(`round ${round} of ${rounds}: ${each.variant.name}`);
        each.rounds.push(await measureRound(each, deadline));
      }
    } catch (error) {
      if (!(error instanceof OutOfTime)) throw error;
      return `the time ran out in round ${round} of ${rounds}: what was measured until then counts`;
    }
    const now = performance.now();
    if (round < rounds && round >= LEAST_ROUNDS && now + (now - startedAt) > deadline)
      return `${round} rounds instead of ${rounds}: more did not fit into --max-time`;
  }
  return undefined;
}

async function measureRound({ child, expectedMs, times }: WarmVariant, deadline: number): Promise<Round> {
  const repeats = Math.min(MOST_REPEATS, Math.ceil(LEAST_ROUND_MS / Math.max(expectedMs, 1e-3)));
  const rounds: Round[] = [];
  for (let i = 0; i < repeats; i++)
    rounds.push(await child.ask({ type: 'round', hashes: false, times }, deadline));
  const ms = mean(rounds.map((round) => round.ms));
  const cpuMs = mean(rounds.map((round) => round.cpuMs));
  return { ...(rounds.at(-1) as Round), ms, cpuMs };
}
