/**
 * What a service is: where an API is, how to get in, which endpoints it has, what it bears.
 *
 * The same keys stand in a YAML file (service-file.ts) or in an object of a program. They are checked once, here, and every problem is told at
 * once, with its place. `${NAME}` in a text stands for an environment variable and is left as it is: environment.ts puts its value in when a
 * call is prepared, so a service can be looked at without its secrets.
 */

import { HeddleError } from '../../main/index.js';
import { nearest } from '../../text/nearest.js';
import {
  type Check,
  Checker,
  duration,
  flag,
  list,
  number,
  object,
  oneOf,
  type Path,
  shown,
  text,
  texts,
  values,
} from './checks.js';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS';

/** How a service lets callers in. */
export interface Authentication {
  readonly type: 'bearer' | 'apikey' | 'basic';
  /** For `bearer` and `apikey`; for `basic` in place of `username` and `password`: `name:password`. */
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  /** Name of the header. @defaultValue `Authorization`; `X-API-Key` for `apikey` */
  readonly header?: string;
}

/** What is kept of an answer, and under which names. */
export interface Transform {
  /** Paths such as `id`, `owner.login`, `tags[0]`, `items[*].name`. */
  readonly fields?: readonly string[];
  /** Old path to new path. */
  readonly rename?: Readonly<Record<string, string>>;
}

/** What a batch on one endpoint keeps to. */
export interface BatchConfig {
  /** Calls at once, at most. */
  readonly maxConcurrency?: number;
  /** Statuses that are worth another attempt. */
  readonly retryOn?: readonly number[];
  /** The wait before each further attempt. @defaultValue growing, jittered */
  readonly retryDelay?: number;
  /** Attempts in all. @defaultValue 3 with `retryOn` or `retryDelay`, else 1 */
  readonly attempts?: number;
  /** Repeat what may have had an effect, such as a POST. @defaultValue false */
  readonly retryUnsafe?: boolean;
}

interface Callable {
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly transform?: Transform | readonly Transform[];
  readonly timeout?: number;
  readonly batchConfig?: BatchConfig;
  /** Known, and without effect: answers are not cached. */
  readonly cacheTTL?: number;
}

/** One path of a REST API. */
export interface Endpoint extends Callable {
  readonly method: HttpMethod;
  /** `/users/{id}` */
  readonly path: string;
  readonly defaultParams?: Readonly<Record<string, unknown>>;
}

/** One operation of a GraphQL API. */
export interface GraphqlOperation extends Callable {
  readonly operationType?: 'query' | 'mutation';
  readonly query: string;
  /** Variables that are sent when nobody gives others. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** A short name for an endpoint with some of its parameters. */
export interface Alias {
  readonly name: string;
  readonly endpoint: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** What a service bears. */
export interface RateLimits {
  readonly requestsPerSecond?: number;
  readonly requestsPerMinute?: number;
  readonly burstSize?: number;
  readonly concurrency?: number;
}

/** A service, as a file or a program writes it. */
export interface ServiceConfig {
  readonly serviceName: string;
  readonly baseUrl: string;
  readonly apiType?: 'rest' | 'graphql';
  readonly authentication?: Authentication;
  readonly endpoints?: readonly Endpoint[];
  readonly graphqlEndpoint?: string;
  readonly graphqlOperations?: readonly GraphqlOperation[];
  readonly aliases?: readonly Alias[];
  readonly rateLimits?: RateLimits;
}

/** A service that was checked. */
export interface Service {
  readonly config: ServiceConfig;
  /** "api.yaml:12"; nothing when the service stands in no file. */
  readonly place: (path: Path) => string;
  readonly warnings: readonly string[];
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const;
const MOST = 1_000_000;

const transform = object<Transform>(
  { fields: list(text), rename: texts as Check<Readonly<Record<string, string>>> },
  [],
);
const transforms: Check<Transform | readonly Transform[]> = (value, path, checker) =>
  Array.isArray(value) ? list(transform)(value, path, checker) : transform(value, path, checker);

const callable = {
  name: text,
  headers: texts,
  transform: transforms,
  timeout: duration(1),
  batchConfig: object<BatchConfig>(
    {
      maxConcurrency: number(1, MOST),
      retryOn: list(number(100, 599)),
      retryDelay: duration(0),
      attempts: number(1, 1000),
      retryUnsafe: flag,
    },
    [],
  ),
  cacheTTL: number(0, Number.MAX_SAFE_INTEGER),
};

const service = object<ServiceConfig>(
  {
    serviceName: text,
    baseUrl: text,
    apiType: oneOf('rest', 'graphql'),
    authentication: object<Authentication>(
      {
        type: oneOf('bearer', 'apikey', 'basic'),
        token: text,
        username: text,
        password: text,
        header: text,
      },
      ['type'],
    ),
    endpoints: list(
      object<Endpoint>({ ...callable, method: oneOf(...METHODS), path: text, defaultParams: values }, [
        'name',
        'method',
        'path',
      ]),
    ),
    graphqlEndpoint: text,
    graphqlOperations: list(
      object<GraphqlOperation>(
        { ...callable, operationType: oneOf('query', 'mutation'), query: text, variables: values },
        ['name', 'query'],
      ),
    ),
    aliases: list(object<Alias>({ name: text, endpoint: text, args: values }, ['name', 'endpoint'])),
    rateLimits: object<RateLimits>(
      {
        requestsPerSecond: number(0.001, MOST, false),
        requestsPerMinute: number(0.01, MOST, false),
        burstSize: number(1, MOST),
        concurrency: number(1, MOST),
      },
      [],
    ),
  },
  ['serviceName', 'baseUrl'],
);

/** Problems that one message names. */
const SHOWN_PROBLEMS = 8;

/**
 * Checks a service.
 *
 * @param place - where in a file the value at a path stands
 * @throws HeddleError HEDDLE_INVALID_OPTION naming each problem
 */
export function checkService(config: unknown, place: (path: Path) => string = () => ''): Service {
  const checker = new Checker(place);
  const checked = service(config, [], checker);
  // What names refer to is looked at when the parts are as they should be.
  if (checked !== undefined && checker.problems.length === 0) checkWhole(checked, checker);
  const { problems } = checker;
  if (problems.length > 0 || checked === undefined) {
    const named = problems.slice(0, SHOWN_PROBLEMS).join('\n  ');
    const more = problems.length > SHOWN_PROBLEMS ? `\n  and ${problems.length - SHOWN_PROBLEMS} more` : '';
    throw new HeddleError(
      'HEDDLE_INVALID_OPTION',
      problems.length === 1 ? named : `${problems.length} problems with the service\n  ${named}${more}`,
    );
  }
  return { config: checked, place, warnings: warningsOf(checked, place) };
}

function checkWhole(config: ServiceConfig, checker: Checker): void {
  const { endpoints = [], graphqlOperations = [], aliases = [], baseUrl } = config;
  if (endpoints.length + graphqlOperations.length === 0)
    checker.add([], 'the service has neither "endpoints" nor "graphqlOperations"; there is nothing to call');
  checkUrl(baseUrl, checker);
  checkAuthentication(config, checker);
  const seen = new Map<string, string>();
  const lists = { endpoints, graphqlOperations, aliases };
  for (const [key, rows] of Object.entries(lists)) {
    for (const [i, { name }] of rows.entries()) {
      const first = seen.get(name);
      if (first !== undefined)
        checker.add([key, i, 'name'], `the name "${name}" is taken by ${first} already`);
      else seen.set(name, `${key}[${i}]`);
      if (/[\s]/.test(name)) checker.add([key, i, 'name'], `the name "${name}" has a space in it`);
    }
  }
  for (const [i, { path }] of endpoints.entries()) checkPath(path, ['endpoints', i, 'path'], checker);
  if (graphqlOperations.length > 0 && config.graphqlEndpoint === undefined)
    checker.add(['graphqlOperations'], '"graphqlOperations" need "graphqlEndpoint", such as /graphql');
  const targets = [...endpoints, ...graphqlOperations].map(({ name }) => name);
  for (const [i, alias] of aliases.entries()) {
    if (targets.includes(alias.endpoint)) continue;
    const guess = nearest(alias.endpoint, targets);
    checker.add(
      ['aliases', i, 'endpoint'],
      `the alias "${alias.name}" is for "${alias.endpoint}", which is no endpoint${guess === undefined ? '' : `; did you mean "${guess}"?`}`,
    );
  }
}

function checkUrl(baseUrl: string, checker: Checker): void {
  if (baseUrl.includes('${')) return;
  const problem = urlProblem(baseUrl);
  if (problem !== undefined) checker.add(['baseUrl'], problem);
}

/** What is wrong with a base URL. It may hold a password, so it is not shown. */
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

function checkPath(path: string, at: Path, checker: Checker): void {
  const bare = path.replace(/\{[^{}/]+\}/g, '');
  if (/[{}]/.test(bare))
    checker.add(at, `the path ${shown(path)} has a bracket that is not closed; write /users/{id}`);
  if (/[?#]/.test(bare))
    checker.add(
      at,
      `the path ${shown(path)} must not have a "?" or "#"; parameters belong into "defaultParams"`,
    );
  if (path.split('/').some((part) => isDots(part)))
    checker.add(at, `the path ${shown(path)} must not have "." or ".." as a part`);
}

/** True for what URLs read as this folder or the one above. */
export function isDots(part: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(part);
}

function checkAuthentication({ authentication }: ServiceConfig, checker: Checker): void {
  if (authentication === undefined) return;
  const { type, token, username, password } = authentication;
  const at = ['authentication'];
  if (type === 'basic' && token === undefined && (username === undefined || password === undefined))
    checker.add(at, 'type basic needs "username" and "password", or "token" as name:password');
  if (type !== 'basic' && token === undefined)
    checker.add(at, `"authentication.token" is missing, such as \${API_TOKEN}`);
}

function warningsOf(config: ServiceConfig, place: (path: Path) => string): string[] {
  const { burstSize, requestsPerSecond, requestsPerMinute } = config.rateLimits ?? {};
  const most = requestsPerSecond ?? requestsPerMinute;
  const warnings: string[] = [];
  if (burstSize !== undefined && (most === undefined || burstSize > most)) {
    const at = place(['rateLimits', 'burstSize']);
    warnings.push(
      `${at === '' ? '' : `${at}: `}"burstSize" ${burstSize} ${most === undefined ? 'has no effect without "requestsPerSecond"' : `is more than the rate allows; ${Math.max(1, Math.floor(most))} go at once`}`,
    );
  }
  return warnings.concat(unusedKeys(config, place));
}

function unusedKeys(config: ServiceConfig, place: (path: Path) => string): string[] {
  return (['endpoints', 'graphqlOperations'] as const).flatMap((key) =>
    (config[key] ?? []).flatMap(({ cacheTTL }, i) => {
      if (cacheTTL === undefined) return [];
      const at = place([key, i, 'cacheTTL']);
      return [`${at === '' ? '' : `${at}: `}"cacheTTL" has no effect: every call is sent`];
    }),
  );
}
