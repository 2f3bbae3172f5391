/** Failures as client libraries report them, and what is to become of them. */

import { expect } from 'vitest';
import { classifyError } from '../../src/main/lanes/failures/classify.js';
import type { Verdict } from '../../src/main/lanes/lane-options.js';
import { reviveError, serializeError } from '../../src/protocol/serialized-error.js';

export const NOW: number = Date.parse('2026-07-01T12:00:00Z');

export function failure(fields: object, message = 'failed', cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), fields);
}

export function named(name: string, fields: object = {}): Error {
  return failure({ ...fields, name });
}

export function fetchFailed(cause: unknown): Error {
  return new TypeError('fetch failed', { cause });
}

/** The verdict, which must be the same for an error that comes from a thread and for one that comes from a session. */
export function verdict(error: unknown): Verdict {
  const here = classifyError(error, NOW);
  const data = serializeError(error);
  expect(classifyError(reviveError(structuredClone(data)), NOW)).toEqual(here);
  expect(classifyError(reviveError(JSON.parse(JSON.stringify(data))), NOW)).toEqual(here);
  return here;
}

export const throttle = { kind: 'throttle' };
export const overload = { kind: 'transient', isOverload: true };
export const lock = { kind: 'lock' };
export const notDone = { kind: 'transient' };
export const unknown = { kind: 'transient', mayHaveHappened: true };
export const timedOut = { kind: 'transient', isOverload: true, mayHaveHappened: true };
export const permanent = { kind: 'permanent' };
export const noQuota = { kind: 'permanent', scope: 'account' };
