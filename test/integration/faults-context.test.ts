/** K6: code of the caller runs in the async context of its own `run()` call, whatever other runs share its runtime and lane. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { createRuntime, executeInParallel, type RunOptions, type Runtime, type Verdict } from 'heddle';
import { describe, expect, it } from 'vitest';
import { turns, within } from '../support/hostile/bounds.js';
import { hostileTask } from '../support/hostile/fixtures.js';
import { freshPath } from '../support/hostile/folders.js';

const BOUND_MS = 10_000;
const store = new AsyncLocalStorage<string>();

/** For each place where code of the caller ran: the stores that it saw, by run. */
class Sightings {
  readonly #seen = new Map<string, Set<string>>();

  /** Notes the store at this place, for the run that the input belongs to. */
  note(place: string, owner: string): void {
    const key = `${place} of ${owner}`;
    const seen = this.#seen.get(key) ?? new Set();
    this.#seen.set(key, seen.add(store.getStore() ?? 'none'));
  }

  expectOwn(places: readonly string[], owners: readonly string[]): void {
    const expected = owners.flatMap((owner) => places.map((place) => [`${place} of ${owner}`, [owner]]));
    const found = [...this.#seen].map(([key, seen]) => [key, [...seen]]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
  }
}

interface Item {
  readonly owner: string;
  readonly n: number;
}

const COUNT = 6;
const OWNERS = ['A', 'B', 'C'];

function* itemsOf(owner: string, seen: Sightings): Generator<Item> {
  for (let n = 0; n < COUNT; n++) {
    seen.note('source', owner);
    yield { owner, n };
  }
}

async function* slowItemsOf(owner: string, seen: Sightings): AsyncGenerator<Item> {
  for (let n = 0; n < COUNT; n++) {
    await turns(1);
    seen.note('source', owner);
    yield { owner, n };
  }
}

/** Options whose callbacks note what they see. */
function watching(owner: string, seen: Sightings): RunOptions<Item> {
  return {
    key: ({ n }) => {
      seen.note('key', owner);
      return `${owner}${n}`;
    },
    retry: {
      attempts: 2,
      backoffMs: 1,
      retryIf: () => {
        seen.note('retryIf', owner);
        return true;
      },
    },
    onOutcome: () => seen.note('onOutcome', owner),
    onProgress: () => seen.note('onProgress', owner),
    locks: () => {
      seen.note('locks', owner);
      return 'one for all';
    },
    lane: () => {
      seen.note('lane', owner);
      return 'shared';
    },
  };
}

const CALLBACKS = ['key', 'retryIf', 'onOutcome', 'onProgress', 'locks', 'lane', 'source'];

/** One lane that all runs share, one call at once: the end of a task of one run starts a task of another. */
function sharing(seen: Sightings): Runtime {
  const classify = (error: Error, usual: Verdict): Verdict => {
    seen.note('classify', (error as Error & { owner: string }).owner);
    return { ...usual, kind: 'transient' };
  };
  const estimate = ({ owner }: Item) => {
    seen.note('estimate', owner);
    return 1;
  };
  const budgets = [{ unit: 'points', limit: 1e6, burst: 1e6, estimate }];
  return createRuntime({
    threads: 2,
    lanes: { shared: { concurrency: 1, classify, budgets, breaker: false } },
  });
}

/** A task that fails at its first attempt, on this thread. */
function failingOnce(
  owner: string,
  seen: Sightings,
): (item: Item, ctx: { attempt: number }) => Promise<number> {
  return async ({ n }, { attempt }) => {
    seen.note('task', owner);
    await turns(2);
    seen.note('task after a while', owner);
    if (attempt === 1 && n === 1) throw Object.assign(new Error('once'), { owner });
    return n;
  };
}

const together = (runs: readonly Promise<unknown>[]) => within(BOUND_MS, 'the runs', Promise.all(runs));

describe('K6: code of the caller sees the async context of its own run', () => {
  it.each([itemsOf, slowItemsOf])(
    'functions and callbacks, with a lane that is shared: %o',
    async (items) => {
      const seen = new Sightings();
      await using runtime = sharing(seen);

      await together(
        OWNERS.map((owner) =>
          store.run(owner, () =>
            runtime.run(failingOnce(owner, seen), items(owner, seen), watching(owner, seen)).values(),
          ),
        ),
      );

      const places = [...CALLBACKS, 'task', 'task after a while', 'classify', 'estimate'];
      seen.expectOwn(places, OWNERS);
    },
  );

  it('with sessions', async () => {
    const seen = new Sightings();
    await using runtime = sharing(seen);

    await together(
      OWNERS.map((owner) =>
        store.run(owner, () =>
          runtime
            .run(failingOnce(owner, seen), itemsOf(owner, seen), {
              ...watching(owner, seen),
              session: freshPath(),
            })
            .values(),
        ),
      ),
    );

    seen.expectOwn([...CALLBACKS, 'task', 'task after a while', 'classify', 'estimate'], OWNERS);
  });

  it('services and callbacks of tasks on threads', async () => {
    const seen = new Sightings();
    await using runtime = sharing(seen);
    const batch = (owner: string) =>
      Array.from({ length: COUNT }, (_, n) => ({ do: 'ask', id: `${owner}${n}`, owner, n }));
    const answer = (owner: string) => {
      const failed = new Set<string>();
      return async (id: string) => {
        seen.note('service', owner);
        await turns(1);
        seen.note('service after a while', owner);
        if (!id.endsWith('1') || failed.has(id)) return { value: id };
        failed.add(id);
        return { fail: { owner } };
      };
    };

    await together(
      OWNERS.map((owner) =>
        store.run(owner, () => {
          const services = { ask: answer(owner) };
          return runtime.run(hostileTask, batch(owner), { ...watching(owner, seen), services }).values();
        }),
      ),
    );

    const callbacks = CALLBACKS.filter((place) => place !== 'source');
    seen.expectOwn([...callbacks, 'service', 'service after a while', 'classify', 'estimate'], OWNERS);
  });

  it('services of functions', async () => {
    const seen = new Sightings();
    await using runtime = sharing(seen);
    const note = (owner: string) => seen.note('service', owner);

    await together(
      OWNERS.map((owner) =>
        store.run(owner, () =>
          runtime
            .run(({ owner: own }: Item, ctx) => ctx.services.note?.(own), itemsOf(owner, new Sightings()), {
              lane: 'shared',
              services: { note },
            })
            .values(),
        ),
      ),
    );

    seen.expectOwn(['service', 'estimate'], OWNERS);
  });

  it('whoever reads the run, and from wherever it is closed', async () => {
    const seen = new Sightings();
    await using runtime = sharing(seen);
    const run = store.run('A', () =>
      runtime.run(failingOnce('A', seen), itemsOf('A', seen), { ...watching('A', seen), window: 1 }),
    );

    await store.run('reader', async () => {
      for await (const _ of run) await turns(1);
    });

    seen.expectOwn([...CALLBACKS, 'task', 'task after a while', 'classify', 'estimate'], ['A']);
  });

  it('functions of a runtime that another request has made', async () => {
    const seen = new Sightings();
    await using runtime = store.run('maker', () => sharing(seen));

    await store.run('A', () => runtime.run(failingOnce('A', seen), itemsOf('A', seen)).outcomes());

    seen.expectOwn(['task', 'task after a while', 'source'], ['A']);
  });

  it('executeInParallel: operations and callbacks', async () => {
    const seen = new Sightings();
    const operations = (owner: string) =>
      Array.from({ length: COUNT }, (_, n) => async () => {
        await turns(1);
        seen.note('operation', owner);
        if (n === 1) throw new Error('one');
      });

    await together(
      OWNERS.map((owner) =>
        store.run(owner, () =>
          executeInParallel(operations(owner), {
            concurrency: 2,
            onProgress: () => seen.note('onProgress', owner),
            onError: () => seen.note('onError', owner),
          }),
        ),
      ),
    );

    seen.expectOwn(['operation', 'onProgress', 'onError'], OWNERS);
  });
});
