/** Parsers of flag values. They throw a message that commander prefixes with the name of the flag. */

import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../text/durations.js';

/** The longest delay that Node's timers can hold: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const DAY_MS = 86_400_000;

/** A flag that may be given several times. */
export function collect(text: string, previous: unknown): string[] {
  return [...((previous as string[] | undefined) ?? []), notEmpty(text)];
}

/** Any text except an empty one. */
export function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('It is empty.');
  return text;
}

/** A whole number in a range. */
export function integer(least: number, most: number, otherwise = ''): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected an integer from ${least} to ${most}${otherwise}.`);
  };
}

/** A whole number in a range, or a word. */
export function integerOr(word: 'auto', least: number, most: number): (text: string) => number | 'auto' {
  const parse = integer(least, most, `, or ${word}`);
  return (text) => (text === word ? word : parse(text));
}

/** A duration of at least so many ms. */
export function duration(leastMs: number, mostMs: number = MAX_TIMER_MS): (text: string) => number {
  return (text) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= leastMs && ms <= mostMs) return ms;
    if (ms === undefined && /^\d+(\.\d+)?$/.test(text)) {
      throw new InvalidArgumentError(`It has no unit; write ${text}s or ${text}ms.`);
    }
    const range = `from ${leastMs}ms to ${Math.floor(mostMs / DAY_MS)}d`;
    throw new InvalidArgumentError(`Expected a duration such as 500ms, 5s, 2m or 1h, ${range}.`);
  };
}

/** A duration, or a number of ms. */
export function backoff(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) && Number(text) <= MAX_TIMER_MS ? Number(text) : duration(0)(text);
}

/** A count, or a share of the batch. */
export function failureLimit(text: string): number | `${number}%` {
  const share = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (share !== undefined && Number(share) <= 100) return `${Number(share)}%`;
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError('Expected a count such as 10, or a share such as 5%.');
}

/** A number of starts in any window of time. */
export interface Rate {
  readonly limit: number;
  readonly perMs: number;
}

const RATE_UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** A rate: "20" or "20/s", "100/m", "1000/h", "20/3s". */
export function rate(text: string): Rate {
  const [, starts, count, unit = 's'] = /^(\d+)(?:\/(\d*)(s|min|m|h))?$/.exec(text) ?? [];
  const limit = Number(starts);
  const perMs = Number(count || 1) * (RATE_UNITS[unit] as number);
  if (limit >= 1 && limit <= 1_000_000 && perMs >= 1 && perMs <= MAX_TIMER_MS) return { limit, perMs };
  throw new InvalidArgumentError('Expected a rate such as 20/s, 100/m, 1000/h or 20/3s, at most 1000000.');
}

/** The i-th of n parts: "2/8". */
export function shard(text: string): { index: number; count: number } {
  const [, index, count] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index !== undefined && count !== undefined && index >= 1 && index <= count && count <= 100_000)
    return { index, count };
  throw new InvalidArgumentError('Expected i/n such as 1/4: the first of four parts, n up to 100000.');
}
