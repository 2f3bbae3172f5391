/** The channel to a thread: each request is answered, lost or unsent, once. */

import { EventEmitter } from 'node:events';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Channel,
  isLast,
  type Requester,
  type ThreadAnswer,
} from '../../../../../src/main/executor/threads/channel.js';
import type { LoadRequest, ThreadMessage } from '../../../../../src/protocol/messages.js';
import { serializeError } from '../../../../../src/protocol/serialized-error.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The thread's end of a channel, and what the pool and the requests were notified of. */
class Rig {
  readonly log: string[] = [];
  readonly channel: Channel;
  readonly #worker = Object.assign(new EventEmitter(), {
    threadId: 7,
    terminate: async () => this.log.push('terminate'),
  });
  readonly #ports = new MessageChannel();
  #requests = 0;

  constructor() {
    const host = {
      onIdle: () => this.log.push('idle'),
      onStuck: () => this.log.push('stuck'),
      onDeath: ({ inFlight }: Channel) => this.log.push(`death, ${inFlight} in flight`),
    };
    this.channel = new Channel(this.#worker as unknown as Worker, this.#ports.port1, host);
  }

  /** Sends a request; its number. */
  request(payload: unknown = 'm.js'): number {
    const id = ++this.#requests;
    const requester: Requester = {
      id,
      onSent: () => this.log.push(`sent ${id}`),
      onAnswer: ({ type }) => this.log.push(`${type} ${id}`),
      onLost: (error) => this.log.push(`lost ${id}: ${(error as Error).message}`),
      onUnsent: () => this.log.push(`unsent ${id}`),
    };
    const request = { type: 'load', id, module: payload } as LoadRequest;
    this.channel.request({ requester, request, transferList: [] });
    return id;
  }

  /** The thread sends a message, which arrives. */
  async say(message: ThreadMessage): Promise<void> {
    this.tell(message);
    await new Promise((resolve) => this.#ports.port1.once('message', resolve));
  }

  /** The thread sends a message. */
  tell(message: ThreadMessage): void {
    this.#ports.port2.postMessage(message);
  }

  exit(error?: Error): void {
    if (error !== undefined) this.#worker.emit('error', error);
    this.#worker.emit('exit', 1);
  }
}

const loaded = (id: number): ThreadMessage => ({ type: 'loaded', id, answer: { kind: 'stale' } });
const progress = (id: number): ThreadMessage => ({
  type: 'progress',
  id,
  position: 0,
  fraction: 1,
  note: undefined,
});

describe('a request', () => {
  it('is in flight until its last answer', async () => {
    const rig = new Rig();
    const id = rig.request();
    expect(rig.channel.inFlight).toBe(1);
    await rig.say(progress(id));
    expect(rig.channel.inFlight).toBe(1);
    await rig.say(loaded(id));

    expect(rig.channel.inFlight).toBe(0);
    expect(rig.log).toEqual(['sent 1', 'progress 1', 'idle', 'loaded 1']);
  });

  it('that cannot be cloned is not sent', () => {
    const rig = new Rig();
    rig.request(() => {});

    expect([rig.log, rig.channel.inFlight]).toEqual([['unsent 1'], 0]);
  });

  it('that was forgotten gets no answer', async () => {
    const rig = new Rig();
    const id = rig.request();
    rig.channel.forget(id);
    await rig.say(loaded(id));

    expect(rig.log).toEqual(['sent 1', 'idle']);
  });
});

describe('a thread that dies', () => {
  it('loses its requests, with its error', () => {
    const rig = new Rig();
    rig.request();
    rig.request();
    rig.exit(new Error('heap limit'));

    expect(rig.log.slice(2)).toEqual(['death, 2 in flight', 'lost 1: heap limit', 'lost 2: heap limit']);
    expect([rig.channel.inFlight, rig.channel.isOpen]).toEqual([0, false]);
  });

  it('is read to its last message first', () => {
    const rig = new Rig();
    const [first] = [rig.request(), rig.request()];
    rig.tell(loaded(first));
    rig.tell({ type: 'crash', error: serializeError(new TypeError('no')) });
    rig.exit();

    expect(rig.log.slice(2)).toEqual([
      'loaded 1',
      'death, 1 in flight',
      'lost 2: worker exited with code: 1',
    ]);
    expect(rig.channel.crash).toMatchObject({ name: 'TypeError', message: 'no' });
  });

  it('is reported once', () => {
    const rig = new Rig();
    rig.exit();
    rig.channel.close(new Error('closed'));

    expect(rig.log).toEqual(['death, 0 in flight']);
  });
});

describe('a thread that must end', () => {
  it('and is stuck counts as dead after a moment', () => {
    const rig = new Rig();
    rig.request();
    rig.channel.terminate();
    rig.channel.terminate();
    vi.advanceTimersByTime(39);
    expect(rig.log).toEqual(['sent 1', 'terminate']);
    vi.advanceTimersByTime(1);
    rig.exit();

    expect(rig.log.slice(2)).toEqual(['stuck', 'death, 1 in flight', 'lost 1: worker exited with code: 1']);
    expect(rig.channel.wasTerminated).toBe(true);
  });

  it('and ends in time is not stuck', () => {
    const rig = new Rig();
    rig.channel.terminate();
    rig.exit();

    expect(rig.log).toEqual(['terminate', 'death, 0 in flight']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('once it is idle takes no request, and ends with its last one', async () => {
    const rig = new Rig();
    const id = rig.request();
    rig.channel.retire();
    expect([rig.channel.isOpen, rig.log]).toEqual([false, ['sent 1']]);
    await rig.say(loaded(id));
    rig.exit();

    expect(rig.log).toEqual(['sent 1', 'terminate', 'loaded 1', 'death, 0 in flight']);
  });

  it('once it is idle ends at once if it is', () => {
    const rig = new Rig();
    rig.channel.retire();
    rig.exit();

    expect(rig.log).toEqual(['terminate', 'death, 0 in flight']);
  });
});

it('a thread that has come up is idle unless it has something to do', async () => {
  const [idle, busy] = [new Rig(), new Rig()];
  busy.request();
  await idle.say({ type: 'opened' });
  await busy.say({ type: 'opened' });
  expect([idle.channel.isUp, idle.log, busy.log]).toEqual([true, ['idle'], ['sent 1']]);
  idle.exit();
  busy.exit();
});

it('the last answer to a request is known by its type', () => {
  const of = (changes: object) => isLast({ id: 1, ...changes } as ThreadAnswer);

  expect([
    of({ type: 'over' }),
    of({ type: 'loaded' }),
    of({ type: 'settled', isLast: true }),
    of({ type: 'settled', isLast: false }),
    of({ type: 'progress' }),
  ]).toEqual([true, true, true, false, false]);
});
