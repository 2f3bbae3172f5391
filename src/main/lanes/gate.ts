/**
 * The gate of a run: where tasks wait for their lanes and locks.
 *
 *   offer → (locks) → line of the lane → take: granted → execution → over
 *
 * A task first gets all its locks, in one step and in the order in which tasks were offered; so tasks that conflict never overlap, none
 * waits for ever, and there is no deadlock. Then it stands in the line of its lane, which lets through one after the other. Lines
 * take turns; a lane that is closed holds up nobody else. Tasks that run again go before new ones, in every second turn.
 *
 * While a lane is closed for long, those in its line give their locks back: what waits for a dead provider must not hold up others.
 *
 * Nobody polls: one timer stands at the moment at which the first lane may open, and lanes call when a call has ended.
 */

import { HeddleError } from '../../protocol/errors.js';
import type { ObservedMessage } from '../../protocol/messages.js';
import type { Chunk } from '../executor/executor.js';
import type { Caller } from './account.js';
import type { Decision, Grant, Hold, Lane, LaneEvent } from './lane.js';
import { LineStatistics } from './line-statistics.js';
import { LockTable, type LockTicket, type LockWant } from './lock-table.js';

/** A task at the gate. */
interface Waiting {
  readonly chunk: Chunk;
  readonly line: Line;
  readonly wants: readonly LockWant[];
  readonly caller: Caller;
  ticket: LockTicket | undefined;
}

/** A task that was let through. */
interface Passed {
  readonly waiting: Waiting;
  readonly grant: Grant | undefined;
}

/** Those that wait for one lane. */
interface Line {
  readonly lane: Lane | undefined;
  readonly fresh: Waiting[];
  readonly again: Waiting[];
  /** Tasks that gave their locks back, or were never granted them, because the lane is closed. */
  parked: Waiting[];
  readonly statistics: LineStatistics;
  /** Tasks of this line that wait for locks. */
  locking: number;
  isAgainNext: boolean;
  unsubscribe: () => void;
}

/** What the gate needs of the rest of the run. */
export interface GateHost {
  /** The lane of a task; asked once for each. */
  laneOf(input: unknown, index: number): Lane | undefined;
  locksOf(input: unknown, index: number): readonly LockWant[];
  /** Whether tasks may differ in lane or locks: then reading on may find one that can start. */
  readonly isMixed: boolean;
  /** Ask the schedule to fill its slots. */
  onReady(): void;
  onEvent(event: LaneEvent, lane: string, account: string | undefined): void;
  /** All that is left waits for a provider that does not answer. */
  onGiveUp(error: HeddleError): void;
  /** A call starts: kept for a later process, which must know of it. */
  onStart(lane: Lane, grant: Grant): void;
}

/** Locks are given back when the lane is closed for longer than this, in ms. */
const PARK_MS = 1000;
const NO_LOCKS: readonly LockWant[] = [];
/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What became of `take`. */
export type Taken =
  | { readonly kind: 'granted'; readonly chunk: Chunk }
  /** The lane lets nobody through, and the task need not wait for it. */
  | { readonly kind: 'refused'; readonly chunk: Chunk; readonly error: HeddleError }
  | undefined;

/** Lets tasks through when their lanes and locks allow. */
export class Gate {
  readonly #host: GateHost;
  readonly #lines = new Map<Lane | undefined, Line>();
  readonly #locks = new LockTable();
  readonly #passed = new Map<Chunk, Passed>();
  /** By index: locks of tasks whose job goes on elsewhere between two looks at it. */
  readonly #kept = new Map<number, LockTicket>();
  #order: Line[] = [];
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #waiting = 0;

  constructor(host: GateHost) {
    this.#host = host;
  }

  /** Tasks that wait here. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Reading further inputs may find a task that can start. */
  get wantsMore(): boolean {
    return this.#waiting === 0 || this.#host.isMixed;
  }

  /** Takes a task in. Runs code of the caller, and throws what it throws. */
  offer(chunk: Chunk): void {
    const index = chunk.indexes?.[0] ?? chunk.first;
    const [input] = chunk.inputs;
    const line = this.#lineOf(this.#host.laneOf(input, index));
    const isPoll = chunk.job !== undefined;
    const kept = this.#kept.get(index);
    this.#kept.delete(index);
    const wants = kept === undefined ? this.#host.locksOf(input, index) : NO_LOCKS;
    const caller: Caller = { input, isPoll, account: chunk.job?.account, costs: new Map(), used: undefined };
    const waiting: Waiting = { chunk, line, wants, caller, ticket: kept };
    this.#waiting++;
    if (line.parked.length > 0) line.parked.push(waiting);
    else this.#lock(waiting);
  }

  /** The next task that may start, if there is one now. */
  take(): Taken {
    const now = performance.now();
    let wakeMs = Number.POSITIVE_INFINITY;
    for (let turn = this.#order.length; turn > 0; turn--) {
      const line = this.#order.shift() as Line;
      this.#order.push(line);
      if (line.parked.length > 0) this.#unpark(line, now);
      const waiting = nextOf(line);
      if (waiting === undefined) {
        line.statistics.hold(line.locking > 0 ? 'locks' : undefined, '', now);
        continue;
      }
      const answer = line.lane?.admit(now, waiting.caller);
      if (answer !== undefined && 'waitMs' in answer) {
        const refusal = this.#held(line, waiting, answer, now);
        if (refusal !== undefined) return refusal;
        wakeMs = Math.min(wakeMs, answer.waitMs);
        continue;
      }
      shiftOf(line);
      line.statistics.hold(undefined, '', now);
      line.statistics.starts++;
      this.#waiting--;
      const chunk =
        answer?.account.name === undefined
          ? waiting.chunk
          : { ...waiting.chunk, account: answer.account.name };
      this.#passed.set(chunk, { waiting, grant: answer });
      if (answer !== undefined) this.#host.onStart(line.lane as Lane, answer);
      return { kind: 'granted', chunk };
    }
    this.#wakeIn(wakeMs, now);
    return undefined;
  }

  /** The attempt succeeded. */
  succeeded(chunk: Chunk): void {
    const { waiting, grant } = this.#passed.get(chunk) ?? {};
    if (grant !== undefined) waiting?.line.lane?.succeeded(grant, performance.now());
  }

  /**
   * The attempt failed.
   *
   * @returns what that means for the task; 'unjudged' when it has no lane
   */
  failed(
    chunk: Chunk,
    error: Error,
    retry: Parameters<Lane['failed']>[2]['retry'] | undefined,
  ): Decision | 'unjudged' {
    const { waiting, grant } = this.#passed.get(chunk) ?? {};
    const lane = waiting?.line.lane;
    if (lane === undefined || grant === undefined || waiting === undefined) return 'unjudged';
    const decision = lane.failed(grant, error, {
      now: performance.now(),
      attempt: chunk.attempt,
      starts: chunk.attempt + chunk.refunds,
      retry: retry ?? lane.options.retry,
    });
    const { statistics } = waiting.line;
    if (decision?.isCharged === true) statistics.retries++;
    else if (decision !== undefined) statistics.refunds++;
    return decision;
  }

  /** The job that the attempt began goes on elsewhere; its locks stay with it until it is over. */
  keepLocks(chunk: Chunk): void {
    const passed = this.#passed.get(chunk);
    if (passed?.waiting.ticket === undefined) return;
    this.#kept.set(chunk.indexes?.[0] ?? chunk.first, passed.waiting.ticket);
    passed.waiting.ticket = undefined;
  }

  /** What a task learned from its provider's answer. */
  observe(chunk: Chunk, { headers, used }: Pick<ObservedMessage, 'headers' | 'used'>): void {
    const { waiting, grant } = this.#passed.get(chunk) ?? {};
    if (grant !== undefined) waiting?.line.lane?.observe(grant, headers, used, performance.now());
  }

  /** The attempt is over, whatever became of it: its place and its locks are free. */
  over(chunk: Chunk): void {
    const passed = this.#passed.get(chunk);
    if (passed === undefined) return;
    this.#passed.delete(chunk);
    const { waiting, grant } = passed;
    if (waiting.ticket !== undefined) this.#locks.release(waiting.ticket);
    if (grant !== undefined) waiting.line.lane?.over(grant, performance.now());
  }

  /** Gives back all that waits; nothing is let through afterwards. */
  cancel(): Chunk[] {
    this.#clearTimer();
    const chunks: Chunk[] = [];
    for (const line of this.#order) {
      for (const waiting of [...line.again.splice(0), ...line.fresh.splice(0), ...line.parked.splice(0)]) {
        if (waiting.ticket !== undefined) this.#locks.release(waiting.ticket);
        chunks.push(waiting.chunk);
      }
    }
    for (const waiting of this.#lockers) {
      if (waiting.ticket !== undefined) this.#locks.cancel(waiting.ticket);
      chunks.push(waiting.chunk);
    }
    this.#lockers.clear();
    for (const ticket of this.#kept.values()) this.#locks.release(ticket);
    this.#kept.clear();
    this.#waiting = 0;
    return chunks;
  }

  /** What each lane did for this run. */
  get lines(): readonly { readonly lane: Lane | undefined; readonly statistics: LineStatistics }[] {
    return this.#order;
  }

  /** Lets go of the lanes. */
  close(): void {
    this.#clearTimer();
    const now = performance.now();
    for (const line of this.#order) {
      line.unsubscribe();
      line.statistics.hold(undefined, '', now);
    }
  }

  readonly #lockers = new Set<Waiting>();

  #lock(waiting: Waiting): void {
    if (waiting.ticket !== undefined || waiting.wants.length === 0) return this.#enter(waiting);
    const ticket = this.#locks.request(waiting.wants, () => {
      this.#lockers.delete(waiting);
      waiting.line.locking--;
      this.#enter(waiting);
      this.#host.onReady();
    });
    waiting.ticket = ticket;
    if (ticket.isHeld) return this.#enter(waiting);
    this.#lockers.add(waiting);
    waiting.line.locking++;
  }

  #enter(waiting: Waiting): void {
    const { line, chunk } = waiting;
    const isAgain = chunk.attempt > 1 || chunk.refunds > 0 || chunk.job !== undefined;
    (isAgain ? line.again : line.fresh).push(waiting);
  }

  /** The lane of a line lets nobody through now. */
  #held(line: Line, waiting: Waiting, { waitMs, bound, text }: Hold, now: number): Taken {
    line.statistics.hold(bound, text, now);
    const lane = line.lane as Lane;
    if (bound === 'breaker' && lane.options.breaker?.onOpen === 'fail') {
      shiftOf(line);
      this.#waiting--;
      if (waiting.ticket !== undefined) this.#locks.release(waiting.ticket);
      return { kind: 'refused', chunk: waiting.chunk, error: laneOpen(lane, 'the task was not started') };
    }
    if (lane.isDead) {
      this.#host.onGiveUp(laneOpen(lane, 'none of its accounts can be used any more'));
    } else if (bound === 'breaker' && this.#passed.size === 0) {
      const { troubledSince } = lane;
      const giveUpMs = lane.options.breaker?.giveUpMs ?? Number.POSITIVE_INFINITY;
      const isAll = this.#order.every((each) => each === line || isEmpty(each));
      if (isAll && troubledSince !== undefined && now - troubledSince >= giveUpMs)
        this.#host.onGiveUp(
          laneOpen(lane, `it has not answered for ${Math.round((now - troubledSince) / 1000)} s`),
        );
    }
    if (waitMs > PARK_MS && (bound === 'pause' || bound === 'breaker')) this.#park(line);
    return undefined;
  }

  #park(line: Line): void {
    for (const waiting of [...line.again, ...line.fresh]) {
      if (waiting.wants.length === 0 || waiting.ticket === undefined) continue;
      const own = waiting.chunk.attempt > 1 || waiting.chunk.refunds > 0 ? line.again : line.fresh;
      own.splice(own.indexOf(waiting), 1);
      const { ticket } = waiting;
      waiting.ticket = undefined;
      line.parked.push(waiting);
      this.#locks.release(ticket);
    }
  }

  /** The lane may be open again: those that gave their locks back ask for them anew, in their order. */
  #unpark(line: Line, now: number): void {
    const [first] = line.parked as [Waiting];
    const answer = line.lane?.wait(now, first.caller);
    if (answer !== undefined && answer > PARK_MS) return;
    for (const waiting of line.parked.splice(0)) this.#lock(waiting);
  }

  #lineOf(lane: Lane | undefined): Line {
    let line = this.#lines.get(lane);
    if (line === undefined) {
      const unsubscribe = lane?.subscribe({
        onFree: () => this.#host.onReady(),
        onEvent: (event, account) => this.#onEvent(lane, event, account),
      });
      line = {
        lane,
        fresh: [],
        again: [],
        parked: [],
        statistics: new LineStatistics(),
        locking: 0,
        isAgainNext: true,
        unsubscribe: () => unsubscribe?.(),
      };
      this.#lines.set(lane, line);
      this.#order.push(line);
    }
    return line;
  }

  #onEvent(lane: Lane, event: LaneEvent, account: string | undefined): void {
    const { statistics } = this.#lineOf(lane);
    if (event.type === 'lane-paused') statistics.pauses++;
    else if (event.state === 'open') statistics.opened++;
    this.#host.onEvent(event, lane.name, account);
  }

  #wakeIn(ms: number, now: number): void {
    const at = now + ms;
    if (this.#timer !== undefined && this.#wakeAt <= at) return;
    this.#clearTimer();
    if (ms === Number.POSITIVE_INFINITY) return;
    this.#wakeAt = at;
    // Rounded up: a timer may be early by a part of a millisecond.
    this.#timer = setTimeout(() => this.#wake(), Math.min(Math.ceil(ms), MAX_TIMER_MS));
  }

  #wake(): void {
    this.#clearTimer();
    this.#host.onReady();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }
}

function isEmpty({ fresh, again, parked, locking }: Line): boolean {
  return fresh.length + again.length + parked.length + locking === 0;
}

/** Those that run again go first, but not always: they must not keep new ones out. */
function isAgainsTurn({ again, fresh, isAgainNext, lane }: Line): boolean {
  return again.length > 0 && (fresh.length === 0 || (isAgainNext && lane?.isTroubled !== true));
}

function nextOf(line: Line): Waiting | undefined {
  return (isAgainsTurn(line) ? line.again : line.fresh)[0];
}

function shiftOf(line: Line): void {
  const isAgain = isAgainsTurn(line);
  (isAgain ? line.again : line.fresh).shift();
  line.isAgainNext = !isAgain;
}

function laneOpen(lane: Lane, what: string): HeddleError {
  const because = lane.lastError === undefined ? '' : ` (last error: ${lane.lastError})`;
  return new HeddleError(
    'HEDDLE_LANE_OPEN',
    `The lane ${lane.name} is closed: ${what}${because}; run it again when the provider is well`,
  );
}
