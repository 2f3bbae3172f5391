/** The fixtures of test/fixtures/hostile, for tests that use them in their own process. */

import { type TaskReference, task } from 'heddle';
import type { SourceSpec, ValueSpec } from './plan.js';

const at = (name: string) => new URL(`../../fixtures/hostile/${name}`, import.meta.url);

export interface MadeSource {
  // biome-ignore lint/suspicious/noExplicitAny: any iterable, or something that says it is one
  readonly source: any;
  readonly isReleased: () => boolean | undefined;
}

const values = (await import(at('values.mjs').href)) as {
  make(spec: ValueSpec): unknown;
  fingerprint(value: unknown): string;
};
const sources = (await import(at('sources.mjs').href)) as {
  makeSource(spec: SourceSpec, inputs: readonly unknown[]): MadeSource;
  readonly BROKEN: readonly string[];
};

export const { make, fingerprint } = values;
export const { makeSource, BROKEN } = sources;

// biome-ignore lint/suspicious/noExplicitAny: fixtures are JavaScript
type Any = any;

/** The task that misbehaves as its input says. */
export const hostileTask: TaskReference<(input: Any) => Any> = task<(input: Any) => Any>(at('task.mjs'));

/** Path of a script, to be run by Node.js. */
export const hostileScript = (name: string): URL => at(name);
