/** What must be true of a service as a whole, once each of its values is as it should be. */

import { nearest } from '../../text/nearest.js';
import type { Path } from '../../text/schema.js';
import { shown } from './checks.js';
import type { Authentication, ServiceConfig } from './service-config.js';

/** A message about the value at a path. */
type Remark = readonly [path: Path, message: string];

/** What is wrong. */
export function* faultsOf(config: ServiceConfig): Generator<Remark> {
  const { endpoints = [], graphqlOperations = [], baseUrl, authentication } = config;
  if (endpoints.length + graphqlOperations.length === 0)
    yield [[], 'the service has neither "endpoints" nor "graphqlOperations"; there is nothing to call'];
  const urlFault = baseUrl.includes('${') ? undefined : urlProblem(baseUrl);
  if (urlFault !== undefined) yield [['baseUrl'], urlFault];
  if (authentication !== undefined) yield* authenticationFaults(authentication);
  yield* nameFaults(config);
  for (const [i, { path }] of endpoints.entries())
    for (const message of pathProblems(path)) yield [['endpoints', i, 'path'], message];
  if (graphqlOperations.length > 0 && config.graphqlEndpoint === undefined)
    yield [['graphqlOperations'], '"graphqlOperations" need "graphqlEndpoint", such as /graphql'];
  yield* aliasFaults(config);
}

/** What is wrong with a base URL. The URL is not shown, because it may contain a password. */
export function urlProblem(baseUrl: string): string | undefined {
  const example = 'expected "baseUrl" to be a URL such as https://api.example.com/v1';
  if (!URL.canParse(baseUrl)) return example;
  const { protocol, username, password, search, hash } = new URL(baseUrl);
  if (protocol !== 'http:' && protocol !== 'https:')
    return `${example}, got one that begins with ${protocol}`;
  if (username !== '' || password !== '')
    return 'a name or password in "baseUrl" would be shown in messages; use "authentication" with type basic';
  if (search !== '' || hash !== '')
    return '"baseUrl" must not have a "?" or "#"; parameters belong into "defaultParams"';
  return undefined;
}

function* authenticationFaults({ type, token, username, password }: Authentication): Generator<Remark> {
  if (token !== undefined) return;
  if (type !== 'basic')
    yield [['authentication'], `"authentication.token" is missing, such as \${API_TOKEN}`];
  else if (username === undefined || password === undefined)
    yield [['authentication'], 'type basic needs "username" and "password", or "token" as name:password'];
}

function* nameFaults({
  endpoints = [],
  graphqlOperations = [],
  aliases = [],
}: ServiceConfig): Generator<Remark> {
  const seen = new Map<string, string>();
  for (const [key, rows] of Object.entries({ endpoints, graphqlOperations, aliases })) {
    for (const [i, { name }] of rows.entries()) {
      const first = seen.get(name);
      if (first === undefined) seen.set(name, `${key}[${i}]`);
      else yield [[key, i, 'name'], `the name "${name}" is taken by ${first} already`];
      if (/\s/.test(name)) yield [[key, i, 'name'], `the name "${name}" has a space in it`];
    }
  }
}

function* pathProblems(path: string): Generator<string> {
  const bare = path.replace(/\{[^{}/]+\}/g, '');
  if (/[{}]/.test(bare)) yield `the path ${shown(path)} has a bracket that is not closed; write /users/{id}`;
  if (/[?#]/.test(bare))
    yield `the path ${shown(path)} must not have a "?" or "#"; parameters belong into "defaultParams"`;
  if (path.split('/').some(isDots)) yield `the path ${shown(path)} must not have "." or ".." as a part`;
}

/** True for the parts of a URL that mean this folder or its parent. */
export function isDots(part: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(part);
}

function* aliasFaults({
  endpoints = [],
  graphqlOperations = [],
  aliases = [],
}: ServiceConfig): Generator<Remark> {
  const targets = [...endpoints, ...graphqlOperations].map(({ name }) => name);
  for (const [i, { name, endpoint }] of aliases.entries()) {
    if (targets.includes(endpoint)) continue;
    const guess = nearest(endpoint, targets);
    const hint = guess === undefined ? '' : `; did you mean "${guess}"?`;
    yield [
      ['aliases', i, 'endpoint'],
      `the alias "${name}" is for "${endpoint}", which is no endpoint${hint}`,
    ];
  }
}

/** What has no effect, or another one than it says. */
export function* warningsOf(config: ServiceConfig): Generator<Remark> {
  const { burstSize, requestsPerSecond, requestsPerMinute } = config.rateLimits ?? {};
  const most = requestsPerSecond ?? requestsPerMinute;
  const at = ['rateLimits', 'burstSize'];
  if (burstSize !== undefined && most === undefined)
    yield [at, `"burstSize" ${burstSize} has no effect without "requestsPerSecond"`];
  else if (burstSize !== undefined && most !== undefined && burstSize > most)
    yield [
      at,
      `"burstSize" ${burstSize} is more than the rate allows; ${Math.max(1, Math.floor(most))} go at once`,
    ];
  for (const key of ['endpoints', 'graphqlOperations'] as const)
    for (const [i, { cacheTTL }] of (config[key] ?? []).entries())
      if (cacheTTL !== undefined)
        yield [[key, i, 'cacheTTL'], '"cacheTTL" has no effect: every call is sent'];
}
