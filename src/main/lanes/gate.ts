/**
 * The gate of a run: where tasks wait for their lanes and locks.
 *
 *   offer → (locks) → line of the lane → take: granted → execution → over
 *
 * A task first gets all its locks, in one step and in the order in which tasks were offered; so tasks that conflict never overlap, none
 * waits for ever, and there is no deadlock. Then it stands in the line of its lane, which lets through one after the other. Lines
 * take turns; a lane that is closed holds up nobody else. Tasks that run again go before new ones, in every second turn. Looks at jobs have a
 * line of their own for each account: they need no place among the calls at once, and can use no other account.
 *
 * While a lane is closed for long, those in its line give their locks back: what waits for a dead provider must not hold up others.
 *
 * Nobody polls: one timer stands at the moment at which the first lane may open, and lanes call when a call has ended.
 */

import { HeddleError } from '../../protocol/errors.js';
import type { ObservedMessage } from '../../protocol/messages.js';
import type { Chunk } from '../executor/executor.js';
import type { ResolvedRetry } from '../options/resolve-options.js';
import type { Caller } from './account.js';
import type { GateHost, LaneLines, Taken } from './gate-host.js';
import type { Lane } from './lane.js';
import type { Decision, Failure, Grant, Hold, LaneListener } from './lane-call.js';
import { enter, isEmpty, type Line, nextOf, shiftOf, type Waiting } from './line.js';
import { LineStatistics } from './line-statistics.js';
import type { LockTable, LockTicket, LockWant } from './lock-table.js';

/** A task that was let through. */
interface Passed {
  readonly waiting: Waiting;
  readonly grant: Grant | undefined;
}

/** Locks are given back when the lane is closed for longer than this, in ms. */
const PARK_MS = 1000;
const NO_LOCKS: readonly LockWant[] = [];
/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Lets tasks through when their lanes and locks allow. */
export class Gate {
  readonly #host: GateHost;
  readonly #lines = new Map<Lane | undefined, Map<string, Line>>();
  readonly #locks: LockTable;
  readonly #passed = new Map<Chunk, Passed>();
  /** By index: locks of tasks whose job goes on elsewhere between two looks at it. */
  readonly #kept = new Map<number, LockTicket>();
  /** Tasks that wait for locks. */
  readonly #lockers = new Set<Waiting>();
  #order: Line[] = [];
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #waiting = 0;

  /** @param locks - those of the whole runtime */
  constructor(host: GateHost, locks: LockTable) {
    this.#host = host;
    this.#locks = locks;
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
    const { job } = chunk;
    const isPoll = job !== undefined;
    const line = this.#lineOf(this.#host.laneOf(input, index), isPoll ? `job ${job.account ?? ''}` : '');
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
      if (line.parked.length > 0) wakeMs = Math.min(wakeMs, this.#unpark(line, now));
      const waiting = nextOf(line);
      if (waiting === undefined) {
        if (line.parked.length === 0) line.statistics.hold(line.locking > 0 ? 'locks' : undefined, '', now);
        continue;
      }
      const { account, isPoll } = waiting.caller;
      if (isPoll && line.lane?.cannotReach(account) === true) {
        // The job goes on; a later run may know its account.
        const why = `the job was submitted with the account ${account}, which cannot be used; it was not asked about`;
        return this.#refuse(line, waiting, 'aborted', why);
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

  /**
   * Why everything that waits here waits for providers that do not answer; undefined when it does not, or not for long enough. Asked when
   * nothing else is left.
   */
  get stuck(): HeddleError | undefined {
    if (this.#passed.size > 0 || this.#waiting === 0) return undefined;
    const now = performance.now();
    let error: HeddleError | undefined;
    for (const line of this.#order) {
      if (isEmpty(line)) continue;
      const forMs = line.lane?.patience(now, line.openedAt) ?? Number.POSITIVE_INFINITY;
      if (forMs > 0) {
        // Looked at again when its time has come.
        this.#wakeIn(forMs, now);
        return undefined;
      }
      error ??= laneOpen(line.lane as Lane, (line.lane as Lane).whyClosed(now));
    }
    return error;
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
    how: Pick<Failure, 'mayRepeat' | 'isOnce' | 'isWorth'> & { readonly retry: ResolvedRetry | undefined },
  ): Decision | 'unjudged' {
    const { waiting, grant } = this.#passed.get(chunk) ?? {};
    const lane = waiting?.line.lane;
    if (lane === undefined || grant === undefined || waiting === undefined) return 'unjudged';
    const decision = lane.failed(grant, error, {
      now: performance.now(),
      attempt: chunk.attempt,
      starts: chunk.attempt + chunk.refunds,
      ...how,
      isAsked: how.retry !== undefined,
      retry: how.retry ?? lane.options.retry,
    });
    const { statistics } = waiting.line;
    if (decision?.isCharged === true) statistics.retries++;
    else if (decision !== undefined) statistics.refunds++;
    return decision;
  }

  /** The failure is not known to be for good, whatever its attempts: what became of a job is then open. */
  isPassing(chunk: Chunk): boolean {
    const { grant } = this.#passed.get(chunk) ?? {};
    return grant !== undefined && grant.failure !== 'permanent';
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
    // First: what is let go of below must not be granted to one of these.
    for (const waiting of this.#lockers) {
      if (waiting.ticket !== undefined) this.#locks.cancel(waiting.ticket);
      chunks.push(waiting.chunk);
    }
    this.#lockers.clear();
    for (const line of this.#order) {
      for (const waiting of [...line.again.splice(0), ...line.fresh.splice(0), ...line.parked.splice(0)]) {
        if (waiting.ticket !== undefined) this.#locks.release(waiting.ticket);
        chunks.push(waiting.chunk);
      }
    }
    for (const ticket of this.#kept.values()) this.#locks.release(ticket);
    this.#kept.clear();
    this.#waiting = 0;
    return chunks;
  }

  /** What each lane did for this run. */
  get lines(): readonly LaneLines[] {
    return [...this.#lines].map(([lane, lines]) => {
      const [first, ...others] = [...lines.values()].map(({ statistics }) => statistics);
      return { lane, statistics: first as LineStatistics, others };
    });
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

  #lock(waiting: Waiting): void {
    if (waiting.ticket !== undefined || waiting.wants.length === 0) return enter(waiting);
    const ticket = this.#locks.request(waiting.wants, () => {
      this.#lockers.delete(waiting);
      waiting.line.locking--;
      enter(waiting);
      this.#host.onReady();
    });
    waiting.ticket = ticket;
    if (ticket.isHeld) return enter(waiting);
    this.#lockers.add(waiting);
    waiting.line.locking++;
  }

  /** The lane of a line lets nobody through now. */
  #held(line: Line, waiting: Waiting, { waitMs, bound, text }: Hold, now: number): Taken {
    line.statistics.hold(bound, text, now);
    const lane = line.lane as Lane;
    if (!waiting.caller.isPoll && bound === 'breaker' && lane.options.breaker?.onOpen === 'fail')
      return this.#refuse(line, waiting, 'failed', 'the task was not started');
    if (waitMs > PARK_MS && (bound === 'pause' || bound === 'breaker')) this.#park(line);
    return undefined;
  }

  #refuse(line: Line, { chunk, ticket }: Waiting, status: 'failed' | 'aborted', why: string): Taken {
    shiftOf(line);
    this.#waiting--;
    if (ticket !== undefined) this.#locks.release(ticket);
    return { kind: 'refused', chunk, status, error: laneOpen(line.lane as Lane, why) };
  }

  #park(line: Line): void {
    const given: LockTicket[] = [];
    const stays = (waiting: Waiting): boolean => {
      if (waiting.wants.length === 0 || waiting.ticket === undefined) return true;
      given.push(waiting.ticket);
      waiting.ticket = undefined;
      line.parked.push(waiting);
      return false;
    };
    line.again = line.again.filter(stays);
    line.fresh = line.fresh.filter(stays);
    // Now, when the line is in order: whoever gets one of them may stand in it.
    for (const ticket of given) this.#locks.release(ticket);
  }

  /**
   * When the lane may be open again, those that gave their locks back ask for them anew, in their order.
   *
   * @returns how long until then, in ms; Infinity when they did
   */
  #unpark(line: Line, now: number): number {
    const [first] = line.parked as [Waiting];
    const hold = line.lane?.look(now, first.caller);
    if (hold !== undefined && hold.waitMs > PARK_MS) {
      line.statistics.hold(hold.bound, hold.text, now);
      return hold.waitMs;
    }
    for (const waiting of line.parked.splice(0)) this.#lock(waiting);
    return Number.POSITIVE_INFINITY;
  }

  /** @param kind - empty for tasks; else which jobs are looked at */
  #lineOf(lane: Lane | undefined, kind: string): Line {
    let lines = this.#lines.get(lane);
    if (lines === undefined) {
      lines = new Map();
      this.#lines.set(lane, lines);
    }
    let line = lines.get(kind);
    if (line === undefined) {
      const isFirst = lines.size === 0;
      const unsubscribe = isFirst ? lane?.subscribe(this.#listener(lane)) : undefined;
      line = {
        lane,
        openedAt: performance.now(),
        fresh: [],
        again: [],
        parked: [],
        statistics: new LineStatistics(),
        locking: 0,
        isAgainNext: true,
        unsubscribe: () => unsubscribe?.(),
      };
      lines.set(kind, line);
      this.#order.push(line);
    }
    return line;
  }

  #listener(lane: Lane): LaneListener {
    return {
      onFree: () => this.#host.onReady(),
      onEvent: (event, account) => {
        const [line] = this.#lines.get(lane)?.values() ?? [];
        if (event.type === 'lane-paused' && line !== undefined) line.statistics.pauses++;
        else if (event.type === 'lane-breaker' && event.state === 'open' && line !== undefined)
          line.statistics.opened++;
        this.#host.onEvent(event, lane.name, account);
      },
    };
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

function laneOpen(lane: Lane, what: string): HeddleError {
  const because = lane.lastError === undefined ? '' : ` (last error: ${lane.lastError})`;
  return new HeddleError(
    'HEDDLE_LANE_OPEN',
    `The lane ${lane.name} is closed: ${what}${because}; run it again when the provider is well`,
  );
}
