/**
 * From parameters to a request.
 *
 *   alias < item of the batch < command line, then defaults for what is still missing
 *   path variables first; the rest goes into the query (GET, DELETE, HEAD, OPTIONS) or into a JSON body
 *
 * Every parameter is used, whatever its name. A `null` in a query is left out. An item whose parameters do
 * not make a request fails with PARAM_INVALID, and nothing is sent for it.
 */

import { isPlain } from '../../text/schema.js';
import { shown } from './checks.js';
import { HttpError } from './http-error.js';
import type { HttpMethod } from './service-config.js';
import { isDots } from './service-rules.js';

/** Parameters by name. */
export type Params = Readonly<Record<string, unknown>>;

/** One request. */
export interface HttpItem {
  /** @defaultValue 'GET' */
  readonly method?: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent unchanged, anything else as JSON. */
  readonly body?: unknown;
  /** Sent as `Idempotency-Key`, and makes the request repeatable. */
  readonly idempotencyKey?: string | undefined;
  /** Longest time for one attempt, in ms. @defaultValue that of the task */
  readonly timeoutMs?: number | undefined;
  /** Another attempt is harmless. @defaultValue by the method; true with an idempotency key */
  readonly isRepeatable?: boolean | undefined;
}

/** Where a REST request goes. */
export interface RestTarget {
  readonly baseUrl: string;
  readonly method: HttpMethod;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly defaults: Params;
}

/** Where a GraphQL request goes. */
export interface GraphqlTarget {
  readonly url: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly defaults: Params;
}

/** A request of these methods can be repeated without harm. */
export const REPEATABLE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const IN_QUERY: readonly HttpMethod[] = ['GET', 'DELETE', 'HEAD', 'OPTIONS'];
const VARIABLE = /\{([^{}/]+)\}/g;

/** Names of the variables of a path. */
export function pathVariables(path: string): string[] {
  return [...path.matchAll(VARIABLE)].map(([, name]) => name as string);
}

/** Parameters of one request; later layers override earlier ones. */
export function mergeParams(...layers: readonly (Params | undefined)[]): Params {
  // Pairs, because a field called __proto__ is a parameter like any other.
  const pairs = layers.flatMap((layer) => Object.entries(layer ?? {}));
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

function withDefaults(params: Params, defaults: Params): Params {
  return mergeParams(
    params,
    Object.fromEntries(Object.entries(defaults).filter(([name]) => !Object.hasOwn(params, name))),
  );
}

/** @throws HttpError PARAM_INVALID when an item of a batch is no object */
export function checkItem(item: unknown): Params {
  if (isPlain(item)) return item;
  throw new HttpError('PARAM_INVALID', `Expected the item to be an object of parameters, got ${shown(item)}`);
}

/** @throws HttpError PARAM_INVALID */
export function restRequest(target: RestTarget, params: Params): HttpItem {
  const { baseUrl, method, path, headers, defaults } = target;
  const all = withDefaults(params, defaults);
  const inPath = new Set(pathVariables(path));
  const filled = path.replace(VARIABLE, (_, name: string) => pathValue(name, all));
  if (filled.split('/').some(isDots))
    throw new HttpError('PARAM_INVALID', `Path parameters must not make "." or ".." of a part: ${path}`);
  const rest = Object.entries(all).filter(([name]) => !inPath.has(name));
  const url = `${baseUrl.replace(/\/+$/, '')}${filled.startsWith('/') ? '' : '/'}${filled}`;
  if (IN_QUERY.includes(method)) return { method, url: withQuery(url, rest), headers };
  if (rest.length === 0) return { method, url, headers };
  const isForm = /x-www-form-urlencoded/i.test(headerOf(headers, 'content-type') ?? '');
  const body = isForm ? new URLSearchParams(queryPairs(rest)).toString() : Object.fromEntries(rest);
  return { method, url, headers, body };
}

export function graphqlRequest({ url, query, headers, defaults }: GraphqlTarget, params: Params): HttpItem {
  const [, operationName] = /^\s*(?:query|mutation)\s+(\w+)/.exec(query) ?? [];
  const variables = withDefaults(params, defaults);
  return {
    method: 'POST',
    url,
    headers,
    body: { query, variables, ...(operationName !== undefined && { operationName }) },
  };
}

/** A header by its name, whatever its case. */
export function headerOf(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  const found = Object.keys(headers).find((each) => each.toLowerCase() === name);
  return found === undefined ? undefined : headers[found];
}

function pathValue(name: string, params: Params): string {
  const value = Object.hasOwn(params, name) ? params[name] : undefined;
  if (value === undefined || value === null || value === '')
    throw new HttpError('PARAM_INVALID', `Missing required path parameter: ${name}`);
  if (typeof value === 'object')
    throw new HttpError(
      'PARAM_INVALID',
      `The path parameter ${name} must be a text or a number, got ${shown(value)}`,
    );
  // A lone surrogate cannot be encoded; a Buffer replaces it.
  return encodeURIComponent(Buffer.from(String(value)).toString());
}

function withQuery(url: string, params: readonly (readonly [string, unknown])[]): string {
  const query = new URLSearchParams(queryPairs(params)).toString();
  return query === '' ? url : `${url}?${query}`;
}

function queryPairs(params: readonly (readonly [string, unknown])[]): [string, string][] {
  return params.flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((each: unknown): [string, string][] => {
      if (each === null || each === undefined) return [];
      return [[name, typeof each === 'object' ? JSON.stringify(each) : String(each)]];
    }),
  );
}
