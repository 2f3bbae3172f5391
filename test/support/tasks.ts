/** The misbehaving task modules of test/fixtures/tasks, by name. */

import { type TaskReference, task } from 'heddle';

// biome-ignore lint/suspicious/noExplicitAny: fixtures are JavaScript; tests look at what really comes back
export type AnyTask = (input: any) => any;

export function fixture(name: string): TaskReference<AnyTask> {
  return task<AnyTask>(new URL(`../fixtures/tasks/${name}`, import.meta.url));
}
