/** A whole batch, as an array. */

import { type Call, call } from './call.js';
import type { CallOptions } from './call-options.js';
import type { ApiResponse } from './http-error.js';
import type { Params } from './request.js';
import type { ServiceConfig } from './service-config.js';
import { loadService } from './service-file.js';

/**
 * Sends one request for each set of parameters, and returns one response for each, in their order.
 *
 * A failed request is a response with `success: false`. If the batch is stopped, items without an answer are
 * CANCELLED. Rejects when nothing can be sent: a wrong service, a missing environment variable, a session in
 * use.
 *
 * @param service - path of a file, name of a service, or a service as an object
 * @param endpoint - name of an endpoint, an operation or an alias
 */
export async function batch<Data = unknown>(
  service: string | ServiceConfig,
  endpoint: string,
  params: readonly Params[],
  options: CallOptions = {},
): Promise<ApiResponse<Data>[]> {
  await using running: Call = call(await loadService(service), endpoint, params, options);
  const responses: ApiResponse<Data>[] = [];
  for await (const { index, response } of running) responses[index] = response as ApiResponse<Data>;
  return responses;
}
