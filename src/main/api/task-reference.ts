/** References to task modules: what `runtime.run` takes for work on threads. */

import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';
import type { TaskFunction } from '../../protocol/task.js';
import { boolean, object, withDefault } from '../../text/schema.js';
import { resolveWith } from '../options/option-checks.js';

// biome-ignore lint/suspicious/noExplicitAny: any task function; its own types are inferred from it
export type AnyTask = TaskFunction<any, any, any>;

/** A task function of which nothing is known. */
// biome-ignore lint/suspicious/noExplicitAny: a module whose type is not named takes any input
export type UntypedTask = (input: any) => unknown;

declare const taskType: unique symbol;

/** Names a task module and knows the type of its default export. */
export interface TaskReference<T = unknown> {
  readonly kind: 'heddle.task';
  /** URL of the module. */
  readonly module: string;
  /** Run it on the caller's thread, where a debugger or profiler sees it. */
  readonly inline: boolean;
  readonly [taskType]?: T;
}

const TASK_OPTIONS = object({ inline: withDefault(false, boolean) });

/**
 * Refers to a task module, so that it can run on threads.
 *
 * @param url - `new URL('./my.task.js', import.meta.url)`, a `file:` URL or an absolute path
 * @param options - `inline: true` runs the module on the caller's thread
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 * @example task<typeof hash>(new URL('./hash.task.js', import.meta.url))
 */
export function task<T extends AnyTask = UntypedTask>(
  url: URL | string,
  options: { readonly inline?: boolean } = {},
): TaskReference<T> {
  const { inline } = resolveWith(TASK_OPTIONS, options, 'task');
  const module = fileUrlOf(url);
  if (module !== undefined) return { kind: 'heddle.task', module, inline };
  const given = url instanceof URL ? url.href : describe(url);
  throw new OptionError(
    'task',
    `Expected the task module to be a file URL or an absolute path, got ${given}; ` +
      "write task(new URL('./my.task.js', import.meta.url))",
  );
}

/** The URL of a file; undefined for what names none. */
function fileUrlOf(url: unknown): string | undefined {
  if (typeof url === 'string' && isAbsolute(url)) return pathToFileURL(url).href;
  try {
    const { href } = new URL(url as string | URL);
    // Refuses hosts, and encoded characters that no path can have.
    decodeURI(fileURLToPath(href));
    return href;
  } catch {
    return undefined;
  }
}

/** True for the answer of {@link task}, also of another copy of heddle. */
export function isTaskReference(value: unknown): value is TaskReference {
  return typeof value === 'object' && value !== null && (value as TaskReference).kind === 'heddle.task';
}
