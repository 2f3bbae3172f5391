/** What hostile tasks may come to, and what must be true of every batch, whatever its tasks do. */

import { expect } from 'vitest';
import { KILLERS } from './arbitraries.js';
import type { HostileInput, Plan, Played, PlayedOutcome } from './plan.js';

/** Codes of what cannot be sent, kept or named. */
export const REFUSED: readonly string[] = ['HEDDLE_NOT_CLONEABLE', 'HEDDLE_INVALID_KEY'];

const HOSTILE = new Set(
  'getter nestedGetter revoked throwingProxy lyingProxy proxy toJsonThrows function symbol thenThrows thenRejects'
    .split(' ')
    .concat('thenTwice', 'url', 'shared'),
);

const isHostile = (spec: HostileInput['value']): boolean =>
  spec !== undefined && (HOSTILE.has(spec.is) || (spec.is === 'deep' && Number(spec['depth']) >= 3000));

/** The statuses that a task may end with. */
export function fatesOf({ do: doing, value, carried }: HostileInput): readonly string[] {
  if (KILLERS.includes(doing) || ['throw', 'reject', 'never', 'listen'].includes(doing)) return ['failed'];
  return isHostile(value) || isHostile(carried) ? ['succeeded', 'failed'] : ['succeeded'];
}

const isLate = ({ code }: PlayedOutcome) => code === 'HEDDLE_TIMEOUT';

/** Each task has one outcome of a kind that it may have, in the order asked for, and everything has ended. */
export function expectSound(plan: Plan, played: Played): void {
  const { outcomes, settled, hung, refused, ended, progress } = played;
  expect({ hung, refused, ended }).toEqual({ hung: [], refused: undefined, ended: undefined });
  const all = plan.inputs.map((_, i) => i);
  const byIndex = [...outcomes].sort((a, b) => a.index - b.index);
  expect(byIndex.map(({ index }) => index)).toEqual(all);
  if ((plan.options as { order?: string })?.order === 'input') expect(outcomes).toEqual(byIndex);
  expect(settled.map(([index]) => index).sort((a, b) => a - b)).toEqual(all);
  for (const outcome of byIndex) {
    const input = plan.inputs[outcome.index] as HostileInput;
    expect(outcome.unreadable).toEqual([]);
    expect(outcome.isError ?? true).toBe(true);
    // On a busy machine any attempt may take too long.
    if (!isLate(outcome)) expect([input.do, ...fatesOf(input)]).toContain(outcome.status);
  }
  const count = (status: string) => outcomes.filter((outcome) => outcome.status === status).length;
  expect(progress).toMatchObject({
    succeeded: count('succeeded'),
    failed: count('failed'),
    aborted: 0,
    skipped: 0,
    running: 0,
    waiting: 0,
  });
  expect(played.isReleased).not.toBe(false);
}

/** What the outcomes of one batch must share with those of the same batch that is kept. */
export function expectSame(plan: Plan, without: Played, kept: Played): void {
  const sorted = ({ outcomes }: Played) => [...outcomes].sort((a, b) => a.index - b.index);
  const others = sorted(kept);
  for (const [i, outcome] of sorted(without).entries()) {
    const other = others[i] as PlayedOutcome;
    if (isLate(outcome) || isLate(other)) continue;
    // A session refuses what it cannot keep or name.
    if (other.status === 'failed' && REFUSED.includes(other.code ?? '')) continue;
    const seen = (it: PlayedOutcome) => [it.index, it.status, it.code, it.text];
    expect(seen(other)).toEqual(seen(outcome));
    if (plan.executor === 'threads') expect(other.value).toBe(outcome.value);
    else if (outcome.copy !== undefined) expect(other.copy).toBe(outcome.copy);
  }
}
