/**
 * Checks a service, from a file or an object. One error names every problem and its place.
 *
 * `${NAME}` in a text stands for an environment variable. environment.ts replaces it when a call is prepared,
 * so a service can be checked without its secrets.
 */

import { HeddleError } from '../../main/index.js';
import { accept, anything, boolean, number, object, record, type Schema } from '../../text/schema.js';
import { duration, listOf, maybe, placed, problemText, text, texts, whole, word } from './checks.js';
import type {
  Alias,
  Authentication,
  BatchConfig,
  Endpoint,
  GraphqlOperation,
  RateLimits,
  Service,
  ServiceConfig,
  Transform,
} from './service-config.js';
import { faultsOf, warningsOf } from './service-rules.js';

const MOST = 1_000_000;

const transform = object<Transform>({ fields: maybe(listOf(text)), rename: maybe(texts) });
const transforms: Schema<Transform | readonly Transform[]> = (value, at) =>
  Array.isArray(value) ? listOf(transform)(value, at) : transform(value, at);

const callable = {
  name: text,
  headers: maybe(texts),
  transform: maybe(transforms),
  timeout: maybe(duration(1)),
  batchConfig: maybe(
    object<BatchConfig>({
      maxConcurrency: maybe(whole(1, MOST)),
      retryOn: maybe(listOf(whole(100, 599))),
      retryDelay: maybe(duration(0)),
      attempts: maybe(whole(1, 1000)),
      retryUnsafe: maybe(boolean),
    }),
  ),
  cacheTTL: maybe(whole(0, Number.MAX_SAFE_INTEGER)),
};

const service = object<ServiceConfig>({
  serviceName: text,
  baseUrl: text,
  apiType: maybe(word('rest', 'graphql')),
  authentication: maybe(
    object<Authentication>({
      type: word('bearer', 'apikey', 'basic'),
      token: maybe(text),
      username: maybe(text),
      password: maybe(text),
      header: maybe(text),
    }),
  ),
  endpoints: maybe(
    listOf(
      object<Endpoint>({
        ...callable,
        method: word('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'),
        path: text,
        defaultParams: maybe(record(anything)),
      }),
    ),
  ),
  graphqlEndpoint: maybe(text),
  graphqlOperations: maybe(
    listOf(
      object<GraphqlOperation>({
        ...callable,
        operationType: maybe(word('query', 'mutation')),
        query: text,
        variables: maybe(record(anything)),
      }),
    ),
  ),
  aliases: maybe(listOf(object<Alias>({ name: text, endpoint: text, args: maybe(record(anything)) }))),
  rateLimits: maybe(
    object<RateLimits>({
      requestsPerSecond: maybe(number(0.001, MOST)),
      requestsPerMinute: maybe(number(0.01, MOST)),
      burstSize: maybe(whole(1, MOST)),
      concurrency: maybe(whole(1, MOST)),
    }),
  ),
});

/** Problems that one message names. */
const SHOWN_PROBLEMS = 8;

/**
 * Checks a service.
 *
 * @param place - where in a file the value at a path is
 * @throws HeddleError HEDDLE_INVALID_OPTION naming each problem
 */
export function checkService(config: unknown, place: Service['place'] = () => ''): Service {
  const result = accept(service, config);
  const problems =
    'accepted' in result
      ? [...faultsOf(result.accepted)].map(([path, message]) => placed(place(path), message))
      : result.problems.map((each) => placed(place(each.path), problemText(each)));
  if ('accepted' in result && problems.length === 0) {
    const warnings = [...warningsOf(result.accepted)].map(([path, message]) => placed(place(path), message));
    return { config: result.accepted, place, warnings };
  }
  const named = problems.slice(0, SHOWN_PROBLEMS).join('\n  ');
  const more = problems.length > SHOWN_PROBLEMS ? `\n  and ${problems.length - SHOWN_PROBLEMS} more` : '';
  throw new HeddleError(
    'HEDDLE_INVALID_OPTION',
    problems.length === 1 ? named : `${problems.length} problems with the service\n  ${named}${more}`,
  );
}
