/**
 * Locks by key: shared or exclusive, several keys of a task at once.
 *
 * A request joins the queues of all its keys in one synchronous step. So any two requests have the same order
 * in every queue that they share, and each waits only for earlier ones: no deadlock, no timeouts, no
 * overtaking. The price: a request that waits for one key already holds back later ones on its other keys.
 *
 * Invariants:
 *   - A key is in the table only while it is held or waited for.
 *   - The first request in a queue is not cancelled. Others may be; they are removed when they are the
 *     greater part of the queue.
 *   - `isHeld` becomes true together with the call of `onGranted`, or within `request`. Until then the
 *     request is waiting and can be cancelled, even if its keys are already reserved for it.
 *
 * `onGranted` runs only within `release` and `cancel`, one call after the other, when the table is
 * consistent. It may call all methods. Grants made by such an inner call are reported after it returns, so a
 * chain of any length needs no stack.
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
  /** All its keys are held, and its owner was notified. */
  readonly isHeld: boolean;
}

class Ticket implements LockTicket {
  isHeld = false;
  /** Released or cancelled. */
  isOver = false;
  readonly wants: readonly LockWant[];
  /** For a ticket that has to wait, by want: whether it waits for the key. */
  waits: boolean[] | undefined;
  missing = 0;
  readonly onGranted: () => void;

  constructor(wants: readonly LockWant[], onGranted: () => void) {
    this.wants = wants;
    this.onGranted = onGranted;
  }
}

/** An entry in the queue of a key. */
interface Place {
  readonly ticket: Ticket;
  /** Index of the want. */
  readonly want: number;
}

/** The queue of a key without waiting requests; never written to. */
const EMPTY: Place[] = [];

/** One key in use. */
class KeyState {
  shared = 0;
  isExclusive = false;
  queue: Place[] = EMPTY;
  /** Start of the queue; earlier entries are gone. */
  first = 0;
  /** Number of cancelled entries in the queue. */
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

  unhold(isShared: boolean): void {
    if (isShared) this.shared--;
    else this.isExclusive = false;
  }
}

/** Number of cancelled entries that a queue may keep. */
const MAX_CANCELLED = 32;
/** Number of entries before the start that a queue may keep. */
const MAX_GONE = 1024;

/** The locks of a run. */
export class LockTable {
  readonly #keys = new Map<string, KeyState>();
  /** Tickets that have all their keys, and whose owner was not notified yet. */
  #granted: Ticket[] = [];
  #isNotifying = false;

  /** Keys in use. */
  get size(): number {
    return this.#keys.size;
  }

  /**
   * Requests all of these at once. If they are free, the ticket is held when this returns, and `onGranted` is
   * never called. Otherwise `onGranted` is called once, unless the ticket is cancelled first. If a key is
   * named twice, the exclusive want counts.
   */
  request(wants: readonly LockWant[], onGranted: () => void): LockTicket {
    const ticket = new Ticket(withoutDuplicates(wants), onGranted);
    // Indexes here and in #end, because iterators would be half of the cost.
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

  /** Releases the keys of a held ticket. A second call has no effect. */
  release(ticket: LockTicket): void {
    this.#end(ticket as Ticket);
  }

  /** Ends the wait of a ticket. Has no effect on a held one: the task that holds the locks must end first. */
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
      else state.unhold(isShared);
      this.#advance(key, state);
    }
    if (this.#granted.length > 0) this.#notify();
  }

  /** Grants a key to the requests at the front of its queue, as far as it is free. */
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

  #notify(): void {
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    const thrown: unknown[] = [];
    for (let index = 0; index < this.#granted.length; index++) {
      const ticket = this.#granted[index] as Ticket;
      if (ticket.isOver) continue;
      ticket.isHeld = true;
      try {
        ticket.onGranted();
      } catch (error) {
        // The owners of the other granted tickets must be notified as well.
        thrown.push(error);
      }
      if (index === MAX_GONE) {
        this.#granted.splice(0, index + 1);
        index = -1;
      }
    }
    this.#granted = [];
    this.#isNotifying = false;
    if (thrown.length > 0) throw thrown[0];
  }
}

function enqueue(state: KeyState, ticket: Ticket, index: number): void {
  ticket.waits ??= new Array(ticket.wants.length).fill(false);
  ticket.waits[index] = true;
  ticket.missing++;
  if (state.queue === EMPTY) state.queue = [];
  state.queue.push({ ticket, want: index });
}

function grant(state: KeyState, { ticket, want }: Place): void {
  state.hold((ticket.wants[want] as LockWant).isShared);
  (ticket.waits as boolean[])[want] = false;
  ticket.missing--;
}

/** Keeps the memory of a queue in proportion to its waiting requests. */
function tidy(state: KeyState): void {
  const { queue, first, cancelled } = state;
  if (cancelled > MAX_CANCELLED && cancelled * 2 > queue.length - first) {
    state.queue = queue.slice(first).filter(({ ticket }) => !ticket.isOver);
    state.first = 0;
    state.cancelled = 0;
  } else if (first === queue.length) {
    state.queue = EMPTY;
    state.first = 0;
  } else if (first > MAX_GONE && first * 2 > queue.length) {
    state.queue = queue.slice(first);
    state.first = 0;
  }
}

/** Most tasks have one or two keys, which need no map. */
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
 * Checks what the caller's `locks` function returned.
 *
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 */
export function resolveLocks(value: unknown): readonly LockWant[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map(resolveLock) : [resolveLock(value)];
}

function resolveLock(value: unknown): LockWant {
  if (typeof value === 'string' && value !== '') return { key: value, isShared: false };
  // An object without a key is not a lock; it may be the promise of an async function.
  if (typeof value !== 'object' || value === null || !('key' in value)) throw invalidLock('a lock', value);
  const { key, mode } = value as { key: unknown; mode?: unknown };
  if (typeof key !== 'string' || key === '') throw invalidLock('the `key` of a lock', key);
  if (mode !== 'shared' && mode !== 'exclusive') throw invalidLock('the `mode` of a lock', mode);
  return { key, isShared: mode === 'shared' };
}

function invalidLock(what: string, value: unknown): OptionError {
  const expected = "non-empty strings, or { key, mode: 'shared' | 'exclusive' }";
  return new OptionError(
    'locks',
    `Expected \`locks\` to return ${expected}, got ${describe(value)} as ${what}`,
  );
}
