/**
 * One endpoint, ready to be called: what its name refers to, with everything in place that all requests
 * share.
 *
 * Every fault of the configuration is reported here, before anything is sent.
 */

import { createHash } from 'node:crypto';
import { HeddleError } from '../../main/index.js';
import { nearest } from '../../text/nearest.js';
import { type Path, shownPath } from '../../text/schema.js';
import type { HttpAnswer } from './answer.js';
import { placed } from './checks.js';
import { Environment } from './environment.js';
import { HttpError } from './http-error.js';
import { Redactor, shownUrl } from './redact.js';
import {
  checkItem,
  graphqlRequest,
  type HttpItem,
  mergeParams,
  type Params,
  pathVariables,
  REPEATABLE_METHODS,
  restRequest,
} from './request.js';
import type {
  Alias,
  BatchConfig,
  Endpoint,
  GraphqlOperation,
  RateLimits,
  Service,
} from './service-config.js';
import { urlProblem } from './service-rules.js';
import { transformed } from './transform.js';

/** What all requests share. */
export interface PrepareOptions {
  /** Parameters that override those of the items. */
  readonly params?: Params | undefined;
  /** @defaultValue that of this process */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** An endpoint that can be called. */
export interface Prepared {
  /** "github.getUser" */
  readonly label: string;
  /** "GET https://api.github.com/users/{id}", without secrets. */
  readonly route: string;
  readonly origin: string;
  /**
   * Covers all that makes two calls of one item differ: route, definition, arguments, and fixed parameters.
   */
  readonly fingerprint: string;
  /** Covers the parameters that are fixed for every item; empty without any. */
  readonly variant: string;
  /** Another attempt is harmless, whatever happened to the first. */
  readonly isRepeatable: boolean;
  /** Path variables that each item must contain. */
  readonly required: readonly string[];
  readonly batchConfig: BatchConfig;
  readonly rateLimits: RateLimits;
  readonly timeoutMs: number | undefined;
  readonly secrets: readonly string[];
  readonly redactor: Redactor;
  /** @throws HttpError PARAM_INVALID */
  request(item: unknown): HttpItem;
  /** @throws HttpError GRAPHQL_ERROR */
  data(answer: HttpAnswer): unknown;
}

/**
 * Makes an endpoint ready.
 *
 * @param name - of an endpoint, an operation or an alias
 * @throws HeddleError HEDDLE_INVALID_OPTION
 */
export function prepare(service: Service, name: string, options: PrepareOptions = {}): Prepared {
  const { config } = service;
  const callee = calleeOf(service, name);
  const { alias, definition } = callee;
  const environment = new Environment(service, options.env ?? process.env);
  const baseUrl = environment.text(config.baseUrl, ['baseUrl']);
  const headers = {
    ...environment.record(definition.headers, [...callee.at, 'headers']),
    ...authentication(service, environment),
  };
  environment.keepSecrets(headers);
  const args = environment.record(alias?.args, ['aliases', callee.aliasAt, 'args']);
  const route = callee.route({ baseUrl, headers, environment });
  environment.keepSecrets(options.params ?? {});
  environment.refuseMissing();
  refuse(service, ['baseUrl'], urlProblem(baseUrl));
  refuseLineBreaks(service, headers, callee.at);
  if (!URL.canParse(route.url))
    refuse(service, ['graphqlEndpoint'], 'expected "graphqlEndpoint" to be a path such as /graphql');
  const redactor = new Redactor(environment.secrets);
  const fixed = mergeParams(args, options.params);
  const given = new Set([...Object.keys(fixed), ...Object.keys(route.defaults)]);
  const label = `${config.serviceName}.${name}`;
  const shownRoute = `${route.method} ${shownUrl(route.url, redactor)}`;
  const { isRepeatable } = route;
  return {
    label,
    route: shownRoute,
    fingerprint: digest([label, shownRoute, definition, alias, options.params]),
    variant: Object.keys(options.params ?? {}).length === 0 ? '' : digest(options.params).slice(0, 8),
    origin: new URL(route.url).origin,
    isRepeatable,
    required: route.variables.filter((each) => !given.has(each)),
    batchConfig: definition.batchConfig ?? {},
    rateLimits: config.rateLimits ?? {},
    timeoutMs: definition.timeout,
    secrets: [...environment.secrets].filter((secret) => secret !== ''),
    redactor,
    request: (item) => ({
      ...route.request(mergeParams(args, checkItem(item), options.params)),
      isRepeatable,
    }),
    data: (answer) => transformed(route.data(answer), definition.transform),
  };
}

/** What a name of a service refers to. */
interface Callee {
  readonly definition: Endpoint | GraphqlOperation;
  /** Where the definition is. */
  readonly at: Path;
  readonly alias: Alias | undefined;
  readonly aliasAt: number;
  readonly route: (parts: RouteParts) => Route;
}

function calleeOf(service: Service, name: string): Callee {
  const { serviceName, endpoints = [], graphqlOperations = [], aliases = [] } = service.config;
  const aliasAt = aliases.findIndex((each) => each.name === name);
  const alias = aliases[aliasAt];
  const isWanted = (each: { readonly name: string }) => each.name === (alias?.endpoint ?? name);
  const endpoint = endpoints.find(isWanted);
  if (endpoint !== undefined) {
    const at = ['endpoints', endpoints.indexOf(endpoint)];
    return { definition: endpoint, at, alias, aliasAt, route: (parts) => restRoute(endpoint, at, parts) };
  }
  const operation = graphqlOperations.find(isWanted);
  if (operation !== undefined) {
    const at = ['graphqlOperations', graphqlOperations.indexOf(operation)];
    const route = (parts: RouteParts) => graphqlRoute(service, operation, at, parts);
    return { definition: operation, at, alias, aliasAt, route };
  }
  const names = [...endpoints, ...graphqlOperations, ...aliases].map((each) => each.name);
  const guess = nearest(name, names);
  const hint = guess === undefined ? '.' : `; did you mean "${guess}"?`;
  const missing = `has no endpoint, operation or alias "${name}"${hint}`;
  throw refused(`the service "${serviceName}" ${missing} It has: ${names.join(', ')}`);
}

/** How the requests of an endpoint are made, and how their answers are read. */
interface Route {
  readonly method: string;
  /** With path variables in braces. Not valid when the configuration is not. */
  readonly url: string;
  /** Path variables. */
  readonly variables: readonly string[];
  readonly defaults: Params;
  readonly isRepeatable: boolean;
  request(params: Params): HttpItem;
  data(answer: HttpAnswer): unknown;
}

/** What routes are made of. */
interface RouteParts {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly environment: Environment;
}

function restRoute(endpoint: Endpoint, at: Path, { environment, ...parts }: RouteParts): Route {
  const { method, path } = endpoint;
  const defaults = environment.record(endpoint.defaultParams, [...at, 'defaultParams']);
  return {
    method,
    url: `${parts.baseUrl.replace(/\/+$/, '')}/${path.replace(/^\//, '')}`,
    variables: pathVariables(path),
    defaults,
    isRepeatable: REPEATABLE_METHODS.has(method),
    request: (params) => restRequest({ ...parts, method, path, defaults }, params),
    data: (answer) => answer.data,
  };
}

function graphqlRoute(
  { config }: Service,
  operation: GraphqlOperation,
  at: Path,
  { environment, baseUrl, headers }: RouteParts,
): Route {
  const { query } = operation;
  const defaults = environment.record(operation.variables, [...at, 'variables']);
  const path = environment.text(config.graphqlEndpoint ?? '', ['graphqlEndpoint']);
  const url = URL.canParse(path, baseUrl) ? new URL(path, baseUrl).href : '';
  return {
    method: 'POST',
    url,
    variables: [],
    defaults,
    isRepeatable: !isMutation(operation),
    request: (params) => graphqlRequest({ url, query, headers, defaults }, params),
    data: graphqlData,
  };
}

function authentication({ config }: Service, environment: Environment): Record<string, string> {
  if (config.authentication === undefined) return {};
  const { type, header, token = '', username, password } = config.authentication;
  const text = (key: string, value: string, isSecret = true) =>
    environment.text(value, ['authentication', key], isSecret);
  if (type === 'apikey') return { [header ?? 'X-API-Key']: text('token', token) };
  if (type === 'bearer') return { [header ?? 'Authorization']: `Bearer ${text('token', token)}` };
  const pair =
    username === undefined || password === undefined
      ? text('token', token)
      : `${text('username', username, false)}:${text('password', password)}`;
  const encoded = Buffer.from(pair).toString('base64');
  const [, secret] = /^[^:]*:(.+)$/s.exec(pair) ?? [];
  for (const each of [encoded, secret]) if (each !== undefined) environment.secrets.add(each);
  return { [header ?? 'Authorization']: `Basic ${encoded}` };
}

/** @throws HeddleError when there is a problem */
function refuse(service: Service, path: Path, problem: string | undefined): void {
  if (problem !== undefined) throw refused(placed(service.place(path), problem));
}

/** A line break would begin another header. The value is not shown, because it may be a secret. */
function refuseLineBreaks(service: Service, headers: Readonly<Record<string, string>>, at: Path): void {
  for (const [name, value] of Object.entries(headers)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
    if (!/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value) && /^[\w!#$%&'*+.^`|~-]+$/.test(name)) continue;
    const path = [...at, 'headers', name];
    const where = `"${name}" (${shownPath(path)}, or "authentication")`;
    const problem = 'it has a line break or another character that is not allowed in headers';
    refuse(service, path, `the header ${where} cannot be sent: ${problem}`);
  }
}

function isMutation({ operationType, query }: GraphqlOperation): boolean {
  if (operationType !== undefined) return operationType === 'mutation';
  return /^\s*mutation\b/.test(query.replace(/^\s*#.*$/gm, ''));
}

function graphqlData({ status, data }: HttpAnswer): unknown {
  const { errors, data: result } = (data ?? {}) as { errors?: unknown; data?: unknown };
  if (Array.isArray(errors) && errors.length > 0) {
    const { message } = (errors[0] ?? {}) as { message?: unknown };
    const text = typeof message === 'string' ? message : 'the answer has errors';
    throw new HttpError('GRAPHQL_ERROR', text, { status, details: data, mayHaveHappened: true });
  }
  if (typeof data !== 'object' || data === null || result === undefined)
    throw new HttpError('API_BAD_JSON', 'The GraphQL answer has neither "data" nor "errors"', {
      status,
      details: data,
    });
  return result;
}

function digest(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value) ?? '')
    .digest('hex');
}

function refused(message: string): HeddleError {
  return new HeddleError('HEDDLE_INVALID_OPTION', message);
}
