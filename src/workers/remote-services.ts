/**
 * The caller's services, as tasks of this thread see them.
 *
 * Comlink over one long-lived port for each run and thread, made when a task asks for services the first
 * time. Comlink itself never answers a call whose other side is gone and loses the code and cause of errors,
 * so every call races with the port's end, and answers travel as data that cannot throw.
 */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Endpoint } from 'comlink';
import { HeddleError } from '../protocol/errors.js';
import type { ServiceAnswer, ServiceDesk } from '../protocol/messages.js';
import { reviveError } from '../protocol/serialized-error.js';
import type { RemoteServices, Services } from '../protocol/task.js';

const byRun = new Map<number, RemoteServices<Services>>();

/**
 * Returns the services of a run.
 *
 * @param send - brings the other end of the port to the caller
 */
export function servicesOf(runId: number, send: (port: MessagePort) => void): RemoteServices<Services> {
  let services = byRun.get(runId);
  if (services === undefined) {
    const { port1, port2 } = new MessageChannel();
    send(port2);
    services = connect(port1, () => byRun.delete(runId));
    byRun.set(runId, services);
  }
  return services;
}

/**
 * The services of a task whose chunk has ended: code it left behind must not open a port that is never taken.
 */
export function endedServices(): RemoteServices<Services> {
  return proxyOf(() => Promise.reject(gone('The task that asks for this service has ended')));
}

function connect(port: MessagePort, onClose: () => void): RemoteServices<Services> {
  let call: Promise<ServiceDesk['call']> | undefined;
  const pending = new Set<(error: Error) => void>();
  port.on('close', () => {
    onClose();
    for (const reject of pending) reject(gone());
    pending.clear();
  });
  const wrapped = async (): Promise<ServiceDesk['call']> => {
    // Loaded for the first call: most tasks never make one, and every thread would pay for it when it starts.
    const { wrap } = await import('comlink');
    const { call: remoteCall } = wrap<ServiceDesk>(port as unknown as Endpoint);
    // The port must not keep an idle thread alive. Piscina's port does so while a chunk is in flight.
    port.unref();
    // A proxy looks like a promise, and must not be what a promise fulfils with.
    return (name, args) => remoteCall(name, args) as Promise<ServiceAnswer>;
  };
  const request = (name: string, args: unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      pending.add(reject);
      const settle = (answer: ServiceAnswer) => {
        pending.delete(reject);
        if (answer.ok) resolve(answer.value);
        else reject(reviveError(answer.error));
      };
      call ??= wrapped();
      call
        .then((send) => send(name, args))
        .then(settle, (cause: unknown) => {
          pending.delete(reject);
          reject(
            new HeddleError(
              'HEDDLE_NOT_CLONEABLE',
              `The arguments or the result of service "${name}" cannot be sent ` +
                `between threads: ${String(cause)}`,
              { cause },
            ),
          );
        });
    });
  return proxyOf(request);
}

function proxyOf(request: (name: string, args: unknown[]) => Promise<unknown>): RemoteServices<Services> {
  return new Proxy({} as RemoteServices<Services>, {
    // A promise-like look would make `await ctx.services` call a service named "then".
    get: (_, name) =>
      typeof name === 'symbol' || name === 'then' ? undefined : (...args: unknown[]) => request(name, args),
  });
}

function gone(why = 'The run that offered this service has ended'): HeddleError {
  return new HeddleError('HEDDLE_SERVICE_UNAVAILABLE', why);
}
