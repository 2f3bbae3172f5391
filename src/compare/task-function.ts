/**
 * The task function of a module, for a loop without heddle.
 *
 * It finds what the library's own loader finds. What is wrong with a module is told by the library, which the first child asks to check
 * it; so nothing here explains.
 */

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Any task function. */
export type Call = (input: unknown, ctx: unknown) => unknown;

/** What a module has for a loop. */
export interface LoadedFunction {
  readonly call: Call;
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
