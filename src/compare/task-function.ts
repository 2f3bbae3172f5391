/**
 * The task function of a module, for a loop without heddle.
 *
 * This repeats a little of heddle's own loader. The public API runs the function of a module but does not
 * return it, and a loop that ran it through heddle would measure heddle. Nothing here explains what is wrong
 * with a module: heddle has loaded it before (`ChildSpec.checksModule`).
 */

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { failWith, type LoopContext } from './loop-context.js';

export type LoopFunction = (input: unknown, ctx: LoopContext) => unknown;

export interface LoadedFunction {
  readonly call: LoopFunction;
  readonly execution: 'at-least-once' | 'at-most-once';
}

const TYPESCRIPT = /\.[cm]?tsx?$/;

/** @param path - absolute path of the module */
export async function loadFunction(path: string): Promise<LoadedFunction> {
  const url = pathToFileURL(path).href;
  const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript);
  const namespace = await (TYPESCRIPT.test(path) && !stripsTypes ? importThroughTsx(url) : import(url));
  const outer = namespace.default;
  const call = typeof outer === 'function' ? outer : outer?.default;
  if (typeof call !== 'function') throw new Error(`${path} has no default export that is a function`);
  const { execution = 'at-least-once' } = { ...call, ...namespace };
  return { call, execution };
}

async function importThroughTsx(url: string): Promise<Record<string, unknown> & { default?: never }> {
  const api = createRequire(url).resolve('tsx/esm/api');
  const { tsImport } = await import(pathToFileURL(api.replace(/\.cjs$/, '.mjs')).href);
  return tsImport(url, { parentURL: import.meta.url });
}

/** `--timeout` in the loop. An attempt that takes too long is abandoned: the main thread cannot end it. */
export function withTimeout(call: LoopFunction, timeoutMs: number): LoopFunction {
  return async (input, ctx) => {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      const fail = () => failWith('HEDDLE_TIMEOUT', `The attempt took longer than ${timeoutMs} ms`);
      timer = setTimeout(() => fail().catch(reject), timeoutMs);
    });
    try {
      return await Promise.race([call(input, ctx), timeout]);
    } finally {
      clearTimeout(timer);
    }
  };
}
