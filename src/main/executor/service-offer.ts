/**
 * The caller's services, offered to the tasks of a run on each thread.
 *
 * Comlink on the bare MessagePort, one port for each thread, made by the thread when a task first asks.
 * Answers are data that cannot throw (protocol/messages.ts), because Comlink would lose the code and cause of
 * an error. `close()` ends the ports, which ends pending calls on the other side.
 */

import type { MessagePort } from 'node:worker_threads';
import { HeddleError } from '../../protocol/errors.js';
import type { ServiceDesk } from '../../protocol/messages.js';
import { serializeError } from '../../protocol/serialized-error.js';
import type { Services } from '../../protocol/task.js';
import type { InContext } from './executor.js';

type AnyService = (...args: unknown[]) => unknown;

/** The service of a name. @throws {@link HeddleError} HEDDLE_SERVICE_UNAVAILABLE */
export function serviceNamed(name: string, services: Services): AnyService {
  const service = Object.hasOwn(services, name) ? services[name] : undefined;
  if (service !== undefined) return (...args) => Reflect.apply(service, services, args);
  const known = Object.keys(services);
  const offered =
    known.length === 0 ? 'the run offers none (run option services)' : `the run offers ${known.join(', ')}`;
  throw new HeddleError('HEDDLE_SERVICE_UNAVAILABLE', `There is no service "${name}"; ${offered}`);
}

/** Offers services over ports until it is closed. */
export class ServiceOffer {
  readonly #services: Services;
  readonly #inContext: InContext;
  readonly #ports = new Set<MessagePort>();
  #isClosed = false;

  constructor(services: Services, inContext: InContext) {
    this.#services = services;
    this.#inContext = inContext;
  }

  /** Serves the calls that come over a port. */
  async serve(port: MessagePort): Promise<void> {
    this.#ports.add(port);
    port.once('close', () => this.#ports.delete(port));
    const desk: ServiceDesk = {
      call: async (name, args) => {
        try {
          const call = () => serviceNamed(name, this.#services)(...args);
          return { ok: true, value: await this.#inContext(call) };
        } catch (error) {
          return { ok: false, error: serializeError(error) };
        }
      },
    };
    const { expose } = await import('comlink');
    if (!this.#isClosed) expose(desk, port as never);
  }

  close(): void {
    this.#isClosed = true;
    for (const port of this.#ports) port.close();
  }
}
