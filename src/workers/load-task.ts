/**
 * Loads task modules on this thread, each once, and finds their task functions.
 *
 * TypeScript modules: Node 22.18 and later strip types. Before that, `tsx` does it if the module's own
 * project has it installed; otherwise the error says what to do.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { HeddleError } from '../protocol/errors.js';
import { describe, isError, read, reasonOf } from '../protocol/plain-data.js';
import type { LoadedTask, TaskFunction } from '../protocol/task.js';
import { textVersion } from '../protocol/text-version.js';

const loading = new Map<string, Promise<LoadedTask>>();
const loaded = new Map<string, LoadedTask>();

/** The task function of a module that this thread has loaded. */
export function loadedTask(module: string): LoadedTask | undefined {
  return loaded.get(module);
}

/**
 * Imports a task module and returns its task function.
 *
 * @param module - URL of the module
 * @throws {@link HeddleError} HEDDLE_TASK_MODULE_NOT_FOUND, _INVALID or _LOAD, HEDDLE_TYPESCRIPT_UNSUPPORTED
 */
export function loadTask(module: string): Promise<LoadedTask> {
  let task = loading.get(module);
  if (task === undefined) {
    task = importTask(module);
    loading.set(module, task);
    task.then((it) => loaded.set(module, it)).catch(() => {});
  }
  return task;
}

/** The version of the text that a module has on disk now; empty for what is not a readable file. */
export function versionOf(module: string): string {
  try {
    return textVersion(readFileSync(fileURLToPath(module)));
  } catch {
    // The import reports what is wrong.
    return '';
  }
}

async function importTask(module: string): Promise<LoadedTask> {
  const shown = shownName(module);
  const before = versionOf(module);
  const namespace = await importModule(module, shown);
  // A file that changes meanwhile has no version that a run could have been started with.
  const version = versionOf(module) === before ? before : 'changing';
  const found = defaultFunction(namespace);
  if (found === undefined) {
    const names = Object.keys(namespace);
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_INVALID',
      `Task module ${shown} has no default export that is a function; ` +
        (names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`) +
        (namespace['default'] === undefined ? '' : ` and its default is ${describe(namespace['default'])}`) +
        '. Add `export default function (input) { … }`',
    );
  }
  const named = { ...(found as { execution?: unknown }), ...namespace };
  return { ...taskOf(found, named, `Task module ${shown}`), version };
}

/**
 * A task function with what is declared beside it.
 *
 * @throws {@link HeddleError} HEDDLE_TASK_MODULE_INVALID
 */
export function taskOf(
  run: TaskFunction,
  named: Readonly<Record<string, unknown>>,
  shown: string,
): LoadedTask {
  const { execution = 'at-least-once', adopt, poll } = named;
  if (execution !== 'at-least-once' && execution !== 'at-most-once') {
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_INVALID',
      `${shown} exports execution = ${describe(execution)}; expected 'at-least-once' or 'at-most-once'`,
    );
  }
  if (adopt !== undefined && typeof adopt !== 'function') {
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_INVALID',
      `${shown} exports adopt = ${describe(adopt)}; ` +
        'expected a function (input, ctx) => { value } or undefined',
    );
  }
  if (poll !== undefined && typeof poll !== 'function') {
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_INVALID',
      `${shown} exports poll = ${describe(poll)}; expected a function (handle, ctx) => value`,
    );
  }
  return {
    run,
    execution,
    adopt: adopt as TaskFunction | undefined,
    poll: poll as TaskFunction | undefined,
    version: '',
  };
}

/** The default export; of a CommonJS module that was compiled from ESM, the default within it. */
function defaultFunction(namespace: Record<string, unknown>): TaskFunction | undefined {
  const outer = namespace['default'];
  const inner = (outer as { default?: unknown } | undefined | null)?.default;
  if (typeof outer === 'function') return outer as TaskFunction;
  return typeof inner === 'function' ? (inner as TaskFunction) : undefined;
}

async function importModule(module: string, shown: string): Promise<Record<string, unknown>> {
  try {
    return await (needsLoader(module) ? importThroughTsx(module, shown) : import(module));
  } catch (cause) {
    if (cause instanceof HeddleError) throw cause;
    if (isMissing(cause, module)) {
      throw new HeddleError(
        'HEDDLE_TASK_MODULE_NOT_FOUND',
        `Task module ${shown} does not exist; check the path`,
        { cause },
      );
    }
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_LOAD',
      `Task module ${shown} failed while it was loaded: ${await reason(cause, module)}`,
      { cause },
    );
  }
}

const TYPESCRIPT = /\.[cm]?tsx?$/;

function needsLoader(module: string): boolean {
  const stripsTypes = (process.features as { typescript?: unknown }).typescript;
  return TYPESCRIPT.test(new URL(module).pathname) && !stripsTypes;
}

async function importThroughTsx(module: string, shown: string): Promise<Record<string, unknown>> {
  let api: string;
  try {
    api = createRequire(module).resolve('tsx/esm/api');
  } catch (cause) {
    throw new HeddleError(
      'HEDDLE_TYPESCRIPT_UNSUPPORTED',
      `Task module ${shown} is TypeScript, which Node ${process.versions.node} cannot load; ` +
        'install tsx beside it (npm install --save-dev tsx), compile it to JavaScript, ' +
        'or use Node 22.18 or later',
      { cause },
    );
  }
  // `require` resolves to tsx's CommonJS build, which cannot import ES modules from a thread. The ESM build
  // is beside it.
  const { tsImport } = await import(pathToFileURL(api.replace(/\.cjs$/, '.mjs')).href);
  return tsImport(module, { parentURL: import.meta.url });
}

function isMissing(error: unknown, module: string): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const [code, url] = [read(error, 'code'), read(error, 'url')];
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'ENOENT' && code !== 'MODULE_NOT_FOUND') return false;
  // The same code is given when an import *inside* the module is missing; Node names the missing URL.
  return url === undefined ? reasonOf(error).includes(`'${fileURLToPath(module)}' imported`) : url === module;
}

async function reason(error: unknown, module: string): Promise<string> {
  if (!isError(error)) return describe(error);
  if (error.name !== 'SyntaxError') return `${error.name}: ${error.message}`;
  const place = placeIn(error.stack) ?? placeIn(await checkSyntax(module));
  return `SyntaxError: ${error.message}${place === undefined ? '' : ` (${place})`}`;
}

/** Node writes the place, `file:line`, on the first line, in front of the source line and the stack. */
function placeIn(text: string | undefined): string | undefined {
  return /^(?:file:\/\/)?(\S.*?:\d+)\r?\n/.exec(text ?? '')?.[1];
}

/** An import keeps the place of a syntax error to itself; `node --check` tells it. */
async function checkSyntax(module: string): Promise<string> {
  if (!module.startsWith('file:')) return '';
  // Not imported at the top: every thread would pay for it when it starts.
  const { spawnSync } = await import('node:child_process');
  return (
    spawnSync(process.execPath, ['--check', fileURLToPath(module)], { encoding: 'utf8', timeout: 5000 })
      .stderr ?? ''
  );
}

function shownName(module: string): string {
  return module.startsWith('file:') ? `"${fileURLToPath(module)}"` : `"${module}"`;
}
