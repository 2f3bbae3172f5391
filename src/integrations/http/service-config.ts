/**
 * The keys of a service: where an API is, how to authenticate, its endpoints and its limits.
 *
 * A YAML file and an object of a program have the same keys. service.ts checks them.
 */

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS';

/** How callers authenticate. */
export interface Authentication {
  readonly type: 'bearer' | 'apikey' | 'basic';
  /** For `bearer` and `apikey`; for `basic` in place of `username` and `password`: `name:password`. */
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Name of the header. @defaultValue `Authorization`; `X-API-Key` for `apikey` */
  readonly header?: string | undefined;
}

/** Which fields of an answer are kept, and under which names. */
export interface Transform {
  /** Paths such as `id`, `owner.login`, `tags[0]`, `items[*].name`. */
  readonly fields?: readonly string[] | undefined;
  /** Old path to new path. */
  readonly rename?: Readonly<Record<string, string>> | undefined;
}

/** Limits of a batch on one endpoint. */
export interface BatchConfig {
  /** Calls at once, at most. */
  readonly maxConcurrency?: number | undefined;
  /** Statuses that are retried. */
  readonly retryOn?: readonly number[] | undefined;
  /** Delay before each further attempt, in ms. @defaultValue exponential, with jitter */
  readonly retryDelay?: number | undefined;
  /** Attempts in all. @defaultValue 3 with `retryOn` or `retryDelay`, else 1 */
  readonly attempts?: number | undefined;
  /** Repeat requests that may have had an effect, such as a POST. @defaultValue false */
  readonly retryUnsafe?: boolean | undefined;
}

/** What an endpoint and an operation have in common. */
export interface Callable {
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly transform?: Transform | readonly Transform[] | undefined;
  readonly timeout?: number | undefined;
  readonly batchConfig?: BatchConfig | undefined;
  /** Has no effect: answers are not cached. */
  readonly cacheTTL?: number | undefined;
}

/** One path of a REST API. */
export interface Endpoint extends Callable {
  readonly method: HttpMethod;
  /** `/users/{id}` */
  readonly path: string;
  readonly defaultParams?: Readonly<Record<string, unknown>> | undefined;
}

/** One operation of a GraphQL API. */
export interface GraphqlOperation extends Callable {
  readonly operationType?: 'query' | 'mutation' | undefined;
  readonly query: string;
  /** Default variables. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

/** A short name for an endpoint with some of its parameters. */
export interface Alias {
  readonly name: string;
  readonly endpoint: string;
  readonly args?: Readonly<Record<string, unknown>> | undefined;
}

/** Limits of a service. */
export interface RateLimits {
  readonly requestsPerSecond?: number | undefined;
  readonly requestsPerMinute?: number | undefined;
  readonly burstSize?: number | undefined;
  readonly concurrency?: number | undefined;
}

/** A service as it is written in a file or in a program. */
export interface ServiceConfig {
  readonly serviceName: string;
  readonly baseUrl: string;
  readonly apiType?: 'rest' | 'graphql' | undefined;
  readonly authentication?: Authentication | undefined;
  readonly endpoints?: readonly Endpoint[] | undefined;
  readonly graphqlEndpoint?: string | undefined;
  readonly graphqlOperations?: readonly GraphqlOperation[] | undefined;
  readonly aliases?: readonly Alias[] | undefined;
  readonly rateLimits?: RateLimits | undefined;
}

/** A service that was checked. */
export interface Service {
  readonly config: ServiceConfig;
  /** "api.yaml:12"; empty when the service is not from a file. */
  readonly place: (path: readonly (string | number)[]) => string;
  readonly warnings: readonly string[];
}
