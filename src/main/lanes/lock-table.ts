/**
 * Locks by key: shared or exclusive, several keys of a task at once.
 *
 * A request joins the queues of all its keys in one synchronous step. So any two requests stand in the same order in every queue that they
 * share, and each waits only for earlier ones: no deadlock, no timeouts, nobody is overtaken. The price: a request that waits for one
 * key already holds back later ones on its others.
 *
 * Invariants:
 *   - A key is in the table while it is held or waited for, no longer.
 *   - The first in a queue has not been cancelled. Others may be; they are taken out when they are the greater part of the queue.
 *   - `isHeld` turns true together with `onGranted`, or within `request`. Until then the request counts as waiting, and can be
 *     cancelled, even if its keys are already reserved for it.
 *
 * `onGranted` runs only within `release` and `cancel`, one after the other, when the table is consistent. It may call all methods; what a
 * call from inside grants is told when it returns: a chain of any length needs no stack.
 */

import { OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';

/** One key that a task needs. */
export interface LockWant {
  readonly key: string;
  readonly isShared: boolean;
}

/** A request, from `request` to `release` or `cancel`. */
export interface LockTicket {
  /** All its keys are held, and its owner knows. */
  readonly isHeld: boolean;
}

class Ticket implements LockTicket {
  isHeld = false;
  /** Released or cancelled. */
  isOver = false;
  readonly wants: readonly LockWant[];
  /** Of one that has to wait, by want: whether it waits for the key. */
  waits: boolean[] | undefined;
  missing = 0;
  readonly onGranted: () => void;

  constructor(wants: readonly LockWant[], onGranted: () => void) {
    this.wants = wants;
    this.onGranted = onGranted;
  }
}

/** A place in the queue of a key. */
interface Place {
  readonly ticket: Ticket;
  /** Which of its wants. */
  readonly want: number;
}

/** The queue of a key that nobody waits for; never written to. */
const NOBODY: Place[] = [];

/** One key in use. */
class KeyState {
  shared = 0;
  isExclusive = false;
  queue: Place[] = NOBODY;
  /** Where the queue begins; what lies before is gone. */
  first = 0;
  /** Cancelled places in the queue. */
  cancelled = 0;

  get isFree(): boolean {
    return this.shared === 0 && !this.isExclusive && this.first === this.queue.length;
  }

  admits(isShared: boolean): boolean {
    return !this.isExclusive && (isShared || this.shared === 0);
  }

  hold(isShared: boolean): void {
    if (isShared) this.shared++;
    else this.isExclusive = true;
  }

  letGo(isShared: boolean): void {
    if (isShared) this.shared--;
    else this.isExclusive = false;
  }
}

/** Cancelled places that a queue may keep. */
const MAX_CANCELLED = 32;
/** Gone places that a queue may keep in front. */
const MAX_GONE = 1024;

/** The locks of a run. */
export class LockTable {
  readonly #keys = new Map<string, KeyState>();
  /** Complete, but not yet told. */
  #granted: Ticket[] = [];
  #isTelling = false;

  /** Keys in use. */
  get size(): number {
    return this.#keys.size;
  }

  /**
   * Asks for all of these at once. If they are free the ticket is held when this returns, and `onGranted` is never called; else it is
   * called once, later, unless the ticket is cancelled first. Of a key that is named twice the exclusive want counts.
   */
  request(wants: readonly LockWant[], onGranted: () => void): LockTicket {
    const ticket = new Ticket(withoutDuplicates(wants), onGranted);
    // Indexes, here and in #end: each task passes twice, and iterators would be half of the cost.
    for (let index = 0; index < ticket.wants.length; index++) {
      const { key, isShared } = ticket.wants[index] as LockWant;
      let state = this.#keys.get(key);
      if (state === undefined) {
        state = new KeyState();
        this.#keys.set(key, state);
      }
      if (state.first === state.queue.length && state.admits(isShared)) state.hold(isShared);
      else enqueue(state, ticket, index);
    }
    ticket.isHeld = ticket.missing === 0;
    return ticket;
  }

  /** Gives the keys of a held ticket back. Once more is without effect. */
  release(ticket: LockTicket): void {
    this.#end(ticket as Ticket);
  }

  /** Ends the wait of a ticket. Without effect on one that is held: what runs under its locks must end first. */
  cancel(ticket: LockTicket): void {
    if (!ticket.isHeld) this.#end(ticket as Ticket);
  }

  #end(ticket: Ticket): void {
    if (ticket.isOver) return;
    ticket.isOver = true;
    ticket.isHeld = false;
    for (let index = 0; index < ticket.wants.length; index++) {
      const { key, isShared } = ticket.wants[index] as LockWant;
      const state = this.#keys.get(key) as KeyState;
      if (ticket.waits?.[index]) state.cancelled++;
      else state.letGo(isShared);
      this.#advance(key, state);
    }
    if (this.#granted.length > 0) this.#tell();
  }

  /** Lets in from the front of a queue who may come in now. */
  #advance(key: string, state: KeyState): void {
    for (; state.first < state.queue.length; state.first++) {
      const place = state.queue[state.first] as Place;
      const { ticket, want } = place;
      if (ticket.isOver) {
        state.cancelled--;
        continue;
      }
      if (!state.admits((ticket.wants[want] as LockWant).isShared)) break;
      grant(state, place);
      if (ticket.missing === 0) this.#granted.push(ticket);
    }
    if (state.isFree) this.#keys.delete(key);
    else tidy(state);
  }

  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    const thrown: unknown[] = [];
    for (let index = 0; index < this.#granted.length; index++) {
      const ticket = this.#granted[index] as Ticket;
      if (ticket.isOver) continue;
      ticket.isHeld = true;
      try {
        ticket.onGranted();
      } catch (error) {
        // The others hold their keys as well and would never learn it.
        thrown.push(error);
      }
      if (index === MAX_GONE) {
        this.#granted.splice(0, index + 1);
        index = -1;
      }
    }
    this.#granted = [];
    this.#isTelling = false;
    if (thrown.length > 0) throw thrown[0];
  }
}

function enqueue(state: KeyState, ticket: Ticket, index: number): void {
  ticket.waits ??= new Array(ticket.wants.length).fill(false);
  ticket.waits[index] = true;
  ticket.missing++;
  if (state.queue === NOBODY) state.queue = [];
  state.queue.push({ ticket, want: index });
}

function grant(state: KeyState, { ticket, want }: Place): void {
  state.hold((ticket.wants[want] as LockWant).isShared);
  (ticket.waits as boolean[])[want] = false;
  ticket.missing--;
}

/** Keeps the memory of a queue in proportion to those who wait in it. */
function tidy(state: KeyState): void {
  const { queue, first, cancelled } = state;
  if (cancelled > MAX_CANCELLED && cancelled * 2 > queue.length - first) {
    state.queue = queue.slice(first).filter(({ ticket }) => !ticket.isOver);
    state.first = 0;
    state.cancelled = 0;
  } else if (first === queue.length) {
    state.queue = NOBODY;
    state.first = 0;
  } else if (first > MAX_GONE && first * 2 > queue.length) {
    state.queue = queue.slice(first);
    state.first = 0;
  }
}

/** Most tasks have one key or two: no table is built for them. */
function withoutDuplicates(wants: readonly LockWant[]): readonly LockWant[] {
  const [first, second] = wants;
  if (second === undefined || (wants.length === 2 && first?.key !== second.key)) return wants;
  const byKey = new Map<string, LockWant>();
  for (const want of wants) {
    if (byKey.get(want.key)?.isShared !== false) byKey.set(want.key, want);
  }
  return byKey.size === wants.length ? wants : [...byKey.values()];
}

/**
 * What the caller's `locks` function answered, checked.
 *
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 */
export function resolveLocks(value: unknown): readonly LockWant[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map(resolveLock) : [resolveLock(value)];
}

function resolveLock(value: unknown): LockWant {
  if (typeof value === 'string' && value !== '') return { key: value, isShared: false };
  // An object without a key is something else altogether, such as the promise of an async function.
  if (typeof value !== 'object' || value === null || !('key' in value)) throw refused('a lock', value);
  const { key, mode } = value as { key: unknown; mode?: unknown };
  if (typeof key !== 'string' || key === '') throw refused('the `key` of a lock', key);
  if (mode !== 'shared' && mode !== 'exclusive') throw refused('the `mode` of a lock', mode);
  return { key, isShared: mode === 'shared' };
}

function refused(what: string, value: unknown): OptionError {
  const message = `Expected \`locks\` to return texts that are not empty, or { key, mode: 'shared' | 'exclusive' }, got ${describe(value)} as ${what}`;
  return new OptionError('locks', message);
}
