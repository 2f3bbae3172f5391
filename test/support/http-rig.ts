/** A REST server and a folder with a service of it, in which `heddle http call` runs. */

import { mkdirSync, writeFileSync } from 'node:fs';
import type { ServiceConfig } from 'heddle/http';
import { type Ended, heddle, type Started, startHeddle, tempFolder } from '../fixtures/cli/run-cli.js';
import { type Hook, RestServer } from './rest-server.js';

/** A token that must never be seen. */
export const TOKEN = 's3cr3t-t0ken-of-the-tests';

/** How a service names the environment variable that holds it. */
export const TOKEN_VARIABLE: string = variable('API_TOKEN');

/** "${NAME}" */
export function variable(name: string): string {
  return ['$', '{', name, '}'].join('');
}

/** The service, as an object; as JSON it is YAML as well. */
export function serviceOf(url: string, more: Partial<ServiceConfig> = {}): ServiceConfig {
  const endpoint = (name: string, path: string, rest: object = {}) => ({
    name,
    method: 'GET' as const,
    path,
    ...rest,
  });
  return {
    serviceName: 'api',
    baseUrl: url,
    endpoints: [
      endpoint('getUser', '/users/{id}'),
      endpoint('status', '/status/{code}'),
      endpoint('flaky', '/flaky/{id}'),
      endpoint('hang', '/hang/{id}'),
      endpoint('drop', '/drop/{id}'),
      endpoint('text', '/text'),
      endpoint('echo', '/echo'),
      endpoint('any', '/{kind}/{id}'),
      endpoint('deep', '/deep/{code}'),
      { name: 'create', method: 'POST', path: '/echo' },
      { name: 'createFlaky', method: 'POST', path: '/flaky/{id}' },
    ],
    ...more,
  };
}

/** What tests of the command need. */
export interface HttpRig extends AsyncDisposable {
  readonly server: RestServer;
  readonly folder: string;
  put(name: string, content: string): void;
  call(args: readonly string[], input?: string | Uint8Array): Promise<Ended>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Started;
}

/** Starts a server, and writes services/api.yaml. */
export async function httpRig(
  options: { readonly hook?: Hook; readonly service?: Partial<ServiceConfig> } = {},
): Promise<HttpRig> {
  const server = await RestServer.start(options.hook);
  const folder = tempFolder();
  mkdirSync(folder.at('services'));
  writeFileSync(
    folder.at('services/api.yaml'),
    JSON.stringify(serviceOf(server.url, options.service), null, 1),
  );
  const place = { cwd: folder.path, env: { API_TOKEN: TOKEN } };
  return {
    server,
    folder: folder.path,
    put: (name, content) => writeFileSync(folder.at(name), content),
    call: (args, input = '') => heddle(['http', 'call', ...args], { ...place, input }),
    start: (args, env = {}) =>
      startHeddle(['http', 'call', ...args], { ...place, env: { ...place.env, ...env } }),
    [Symbol.asyncDispose]: async () => {
      await server.kill();
      folder[Symbol.dispose]();
    },
  };
}

/** `[{"id":0},…]` */
export function ids(count: number, more: object = {}): string {
  return JSON.stringify(Array.from({ length: count }, (_, id) => ({ id, ...more })));
}
