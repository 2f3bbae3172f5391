/**
 * One endpoint, ready to be called: what a name means, with everything in place that is the same for each request.
 *
 * Everything that can be wrong with the configuration is told here, before anything is sent.
 */

import { createHash } from 'node:crypto';
import { HeddleError } from '../../main/index.js';
import { nearest } from '../../text/nearest.js';
import { type Path, shownPath } from './checks.js';
import { Environment } from './environment.js';
import { HttpError } from './http-error.js';
import type { HttpAnswer } from './http-task.js';
import { isSecretName, Redactor, shownUrl } from './redact.js';
import {
  checkItem,
  graphqlRequest,
  type HttpItem,
  mergeParams,
  type Params,
  pathVariables,
  restRequest,
} from './request.js';
import { type BatchConfig, type RateLimits, type Service, urlProblem } from './service.js';
import { transformed } from './transform.js';

/** What is the same for each request. */
export interface PrepareOptions {
  /** Parameters that beat those of the items. */
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
  /** Stands for all that makes two calls of one item different: route, definition, arguments, parameters of the command line. */
  readonly fingerprint: string;
  /** Stands for what is given for every item; nothing when nothing is. */
  readonly variant: string;
  /** Another attempt does no harm, whatever became of the first. */
  readonly isRepeatable: boolean;
  /** Path variables that each item has to bring. */
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
  const { serviceName, endpoints = [], graphqlOperations = [], aliases = [] } = config;
  const aliasAt = aliases.findIndex((each) => each.name === name);
  const alias = aliases[aliasAt];
  const wanted = alias?.endpoint ?? name;
  const restAt = endpoints.findIndex((each) => each.name === wanted);
  const graphqlAt = graphqlOperations.findIndex((each) => each.name === wanted);
  const at: Path = restAt === -1 ? ['graphqlOperations', graphqlAt] : ['endpoints', restAt];
  const callable = endpoints[restAt] ?? graphqlOperations[graphqlAt];
  if (callable === undefined) throw unknownName(service, name);
  const environment = new Environment(service, options.env ?? process.env);
  const baseUrl = environment.text(config.baseUrl, ['baseUrl']);
  const headers = {
    ...environment.record(callable.headers, [...at, 'headers']),
    ...authentication(service, environment),
  };
  for (const [header, value] of Object.entries(headers))
    if (isSecretName(header)) environment.secrets.add(value);
  const args = environment.record(alias?.args, ['aliases', aliasAt, 'args']);
  const rest = endpoints[restAt];
  const operation = graphqlOperations[graphqlAt];
  const defaults =
    rest === undefined
      ? environment.record(operation?.variables, [...at, 'variables'])
      : environment.record(rest.defaultParams, [...at, 'defaultParams']);
  const graphqlPath = environment.text(config.graphqlEndpoint ?? '', ['graphqlEndpoint']);
  // What the caller gives under a telling name is a secret as well.
  for (const [param, value] of Object.entries(options.params ?? {}))
    if (isSecretName(param) && typeof value === 'string') environment.secrets.add(value);
  environment.refuseMissing();
  refuseBadUrl(service, baseUrl);
  refuseLineBreaks(service, headers, at);
  if (rest === undefined && !URL.canParse(graphqlPath, baseUrl)) {
    const place = service.place(['graphqlEndpoint']);
    throw refused(
      `${place === '' ? '' : `${place}: `}expected "graphqlEndpoint" to be a path such as /graphql`,
    );
  }
  const graphqlUrl = rest === undefined ? new URL(graphqlPath, baseUrl).href : '';
  const redactor = new Redactor(environment.secrets);
  const method = rest?.method ?? 'POST';
  const fixed = mergeParams(args, options.params);
  const request = (params: Params): HttpItem =>
    rest === undefined
      ? graphqlRequest({ url: graphqlUrl, query: operation?.query ?? '', headers, defaults }, params)
      : restRequest({ baseUrl, method, path: rest.path, headers, defaults }, params);
  const given = new Set([...Object.keys(fixed), ...Object.keys(defaults)]);
  const isRepeatable =
    rest === undefined
      ? !isMutation(operation?.operationType, operation?.query ?? '')
      : ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].includes(method);
  const path =
    rest === undefined ? graphqlUrl : `${baseUrl.replace(/\/+$/, '')}/${rest.path.replace(/^\//, '')}`;
  const label = `${serviceName}.${name}`;
  const route = `${method} ${shownUrl(path, redactor)}`;
  const variant = Object.keys(options.params ?? {}).length === 0 ? '' : digest(options.params).slice(0, 8);
  return {
    label,
    route,
    fingerprint: digest([label, route, callable, alias, options.params]),
    variant,
    origin: new URL(rest === undefined ? graphqlUrl : baseUrl).origin,
    isRepeatable,
    required: rest === undefined ? [] : pathVariables(rest.path).filter((each) => !given.has(each)),
    batchConfig: callable.batchConfig ?? {},
    rateLimits: config.rateLimits ?? {},
    timeoutMs: callable.timeout,
    secrets: [...environment.secrets].filter((secret) => secret !== ''),
    redactor,
    request: (item) => ({ ...request(mergeParams(args, checkItem(item), options.params)), isRepeatable }),
    data: (answer) => transformed(rest === undefined ? graphqlData(answer) : answer.data, callable.transform),
  };
}

function unknownName({ config }: Service, name: string): HeddleError {
  const { serviceName, endpoints = [], graphqlOperations = [], aliases = [] } = config;
  const names = [...endpoints, ...graphqlOperations, ...aliases].map((each) => each.name);
  const guess = nearest(name, names);
  return refused(
    `the service "${serviceName}" has no endpoint, operation or alias "${name}"${guess === undefined ? '' : `; did you mean "${guess}"?`} It has: ${names.join(', ')}`,
  );
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

function refuseBadUrl(service: Service, baseUrl: string): void {
  const problem = urlProblem(baseUrl);
  if (problem === undefined) return;
  const place = service.place(['baseUrl']);
  throw refused(`${place === '' ? '' : `${place}: `}${problem}`);
}

/** A header with a line break is two headers to whoever reads it. The value is not shown: it is a secret. */
function refuseLineBreaks(service: Service, headers: Readonly<Record<string, string>>, at: Path): void {
  for (const [name, value] of Object.entries(headers)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
    if (!/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value) && /^[\w!#$%&'*+.^`|~-]+$/.test(name)) continue;
    const path = [...at, 'headers', name];
    const place = service.place(path);
    throw refused(
      `${place === '' ? '' : `${place}: `}the header "${name}" (${shownPath(path)}, or "authentication") cannot be sent: it has a line break or another character that headers must not have`,
    );
  }
}

function isMutation(type: 'query' | 'mutation' | undefined, query: string): boolean {
  return (
    type === 'mutation' || (type === undefined && /^\s*mutation\b/.test(query.replace(/^\s*#.*$/gm, '')))
  );
}

function graphqlData({ status, data }: HttpAnswer): unknown {
  const { errors, data: result } = (data ?? {}) as { errors?: unknown; data?: unknown };
  if (Array.isArray(errors) && errors.length > 0) {
    const { message } = (errors[0] ?? {}) as { message?: unknown };
    const text = typeof message === 'string' ? message : 'the answer has errors';
    throw new HttpError('GRAPHQL_ERROR', text, { status, details: data, mayHaveHappened: true });
  }
  if (typeof data !== 'object' || data === null || result === undefined)
    throw new HttpError('API_BAD_JSON', 'The answer is none of GraphQL: it has neither "data" nor "errors"', {
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
