/** The public API of `heddle/http`: calls of REST and GraphQL services in batches. */

import { batch } from './batch.js';
import { call } from './call.js';
import { httpTask } from './http-task.js';
import { loadService } from './service-file.js';

export type { HttpAnswer } from './answer.js';
export { Call, type IndexedResponse, type Items } from './call.js';
export type { BatchProgress, CallOptions } from './call-options.js';
export {
  type ApiError,
  type ApiResponse,
  detailsOf,
  HttpError,
  type HttpErrorCode,
  type HttpFailure,
} from './http-error.js';
export type { HttpTask, HttpTaskOptions } from './http-task.js';
export { type Prepared, type PrepareOptions, prepare } from './prepare.js';
export { Redactor, shownUrl } from './redact.js';
export type { HttpItem, Params } from './request.js';
export { type OutputFormat, type OutputWriter, outputWriter, singleText } from './seed-output.js';
export { checkService } from './service.js';
export type {
  Alias,
  Authentication,
  BatchConfig,
  Callable,
  Endpoint,
  GraphqlOperation,
  HttpMethod,
  RateLimits,
  Service,
  ServiceConfig,
  Transform,
} from './service-config.js';
export type { Whereabouts } from './service-file.js';
export { batch, call, httpTask, loadService };

/** The functions by one name: `http.batch(service, 'getUser', params)`. */
export const http: {
  readonly batch: typeof batch;
  readonly call: typeof call;
  readonly task: typeof httpTask;
  readonly load: typeof loadService;
} = { batch, call, task: httpTask, load: loadService };
