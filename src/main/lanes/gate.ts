/**
 * The gate of a run: where tasks wait for their lanes and locks.
 *
 *   offer → (locks) → line of the lane → take: granted → execution → over
 *
 * A task first gets all its locks in one step, in the order in which tasks were offered. So tasks in conflict
 * never overlap, none waits forever, and there is no deadlock. Then it waits in the line of its lane.
 * Lines take turns, so a closed lane delays no other. Polls of jobs have one line per account: they need
 * no free concurrency, and can use no other account.
 *
 * While a lane is closed for long, the tasks in its line give their locks back: a task that waits for a dead
 * provider must not hold up others.
 *
 * Nothing polls: one timer is set for the moment when the first lane may open, and lanes report ended calls.
 */

import { HeddleError } from '../../protocol/errors.js';
import type { ObservedMessage } from '../../protocol/messages.js';
import { type Chunk, indexOf } from '../executor/chunk.js';
import type { InContext } from '../executor/executor.js';
import type { CallRequest, Hold } from './account.js';
import type { Lane } from './lane.js';
import type { Grant, LaneEvent, LaneListener } from './lane-call.js';
import { GateLine, type WaitingTask } from './line.js';
import type { LineStatistics } from './line-statistics.js';
import type { LockTable, LockTicket, LockWant } from './lock-table.js';
import { decideRetry, type FailedAttempt, type RetryDecision } from './retry-decision.js';

/** What the gate needs from its run. */
export interface GateHost {
  /** Returns the lane of a task; called for each attempt. */
  laneOf(input: unknown, index: number): Lane | undefined;
  locksOf(input: unknown, index: number): readonly LockWant[];
  /** Tasks may differ in lane or locks, so a task that can start may be found by reading on. */
  readonly isMixed: boolean;
  /** Runs `classify` and `estimate` of the caller in the async context of the run. */
  readonly inContext?: InContext | undefined;
  /** A task may be able to start. Called in the async context of any run. */
  onReady(): void;
  onEvent(event: LaneEvent, lane: string, account: string | undefined): void;
  /** A call starts. */
  onStart(lane: Lane, grant: Grant): void;
}

/** The answer of `take`; undefined: no task can start now. */
export type GateAnswer =
  | { readonly kind: 'granted'; readonly chunk: Chunk }
  /** The task is not started: it has failed, or is left to a later run. */
  | {
      readonly kind: 'refused';
      readonly chunk: Chunk;
      readonly status: 'failed' | 'aborted';
      readonly error: HeddleError;
    }
  | undefined;

/** Statistics of one lane. */
export interface LaneLines {
  readonly lane: Lane | undefined;
  /** The first line, which also counts the lane's pauses and breaker openings. */
  readonly statistics: LineStatistics;
  readonly others: readonly LineStatistics[];
}

/** A task that was let through. */
interface Passed {
  readonly task: WaitingTask;
  readonly grant: Grant | undefined;
}

/** A lane that is closed for longer makes its tasks give their locks back, in ms. */
const PARK_MS = 1000;
const NO_LOCKS: readonly LockWant[] = [];
/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Lets tasks through when their lanes and locks allow it. */
export class Gate {
  readonly #host: GateHost;
  readonly #locks: LockTable;
  /** By lane, then by kind: empty for tasks, else the account whose jobs are polled. */
  readonly #lines = new Map<Lane | undefined, Map<string, GateLine>>();
  readonly #subscriptions: (() => void)[] = [];
  readonly #passed = new Map<Chunk, Passed>();
  /** By index: locks of tasks whose job continues elsewhere between two polls. */
  readonly #kept = new Map<number, LockTicket>();
  /** All lines; the next one to have its turn is first. */
  #order: GateLine[] = [];
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #waiting = 0;

  /** @param locks - shared by all runs of the runtime */
  constructor(host: GateHost, locks: LockTable) {
    this.#host = host;
    this.#locks = locks;
  }

  /** Number of tasks that wait here. */
  get waiting(): number {
    return this.#waiting;
  }

  /** A task that can start may be found by reading further inputs. */
  get wantsMore(): boolean {
    return this.#waiting === 0 || this.#host.isMixed;
  }

  /** Takes a task in. Calls functions of the caller, and throws what they throw. */
  offer(chunk: Chunk): void {
    const index = indexOf(chunk, 0);
    const [input] = chunk.inputs;
    const isPoll = chunk.job !== undefined;
    const account = chunk.job?.account;
    const line = this.#lineOf(this.#host.laneOf(input, index), isPoll ? `job ${account ?? ''}` : '');
    const ticket = this.#kept.get(index);
    this.#kept.delete(index);
    const wants = ticket === undefined ? this.#host.locksOf(input, index) : NO_LOCKS;
    const { inContext } = this.#host;
    const request: CallRequest = { input, isPoll, account, inContext, costs: new Map(), used: undefined };
    const task: WaitingTask = { chunk, line, wants, request, ticket };
    this.#waiting++;
    if (line.parked === undefined) this.#lock(task);
    else line.park(task);
  }

  /** Starts the next task, if one can start now. */
  take(): GateAnswer {
    const now = performance.now();
    let wakeMs = Number.POSITIVE_INFINITY;
    for (let turns = this.#order.length; turns > 0; turns--) {
      const line = this.#order.shift() as GateLine;
      this.#order.push(line);
      const answer = this.#turnOf(line, now);
      if (typeof answer !== 'number') return answer;
      wakeMs = Math.min(wakeMs, answer);
    }
    this.#wakeIn(wakeMs, now);
    return undefined;
  }

  /** Gives a line its turn. @returns the answer; or how long until there may be one, in ms */
  #turnOf(line: GateLine, now: number): NonNullable<GateAnswer> | number {
    const { lane, statistics } = line;
    const parkedMs = line.parked === undefined ? Number.POSITIVE_INFINITY : this.#unpark(line, now);
    const task = line.next;
    if (task === undefined) {
      if (line.parked === undefined) statistics.hold(line.locking.size > 0 ? 'locks' : undefined, '', now);
      return parkedMs;
    }
    const { isPoll, account } = task.request;
    // The job continues. A later run may know its account.
    if (isPoll && lane?.cannotReach(account) === true) {
      const why = `its job was submitted with the account ${account}, which cannot be used now`;
      return this.#refuse(task, 'aborted', why);
    }
    const answer = lane?.admit(now, task.request);
    if (answer === undefined || 'request' in answer) return this.#grant(task, answer, now);
    statistics.hold(answer.bound, answer.text, now);
    if (!isPoll && answer.bound === 'breaker' && lane?.options.breaker?.onOpen === 'fail')
      return this.#refuse(task, 'failed', 'the task was not started');
    if (isLongClosed(answer)) this.#park(line);
    return Math.min(parkedMs, answer.waitMs);
  }

  #grant(task: WaitingTask, grant: Grant | undefined, now: number): NonNullable<GateAnswer> {
    const { lane, statistics } = task.line;
    task.line.shift();
    this.#waiting--;
    statistics.hold(undefined, '', now);
    statistics.starts++;
    const account = grant?.account.name;
    const chunk = account === undefined ? task.chunk : { ...task.chunk, account };
    this.#passed.set(chunk, { task, grant });
    if (grant !== undefined) this.#host.onStart(lane as Lane, grant);
    return { kind: 'granted', chunk };
  }

  #refuse(task: WaitingTask, status: 'failed' | 'aborted', why: string): NonNullable<GateAnswer> {
    const { line, chunk, ticket } = task;
    line.shift();
    this.#waiting--;
    if (ticket !== undefined) this.#locks.release(ticket);
    return { kind: 'refused', chunk, status, error: laneOpen(line.lane as Lane, why) };
  }

  /**
   * Why all tasks that wait here wait for providers that do not recover; undefined if some do not, or have
   * not waited for long enough. Read when nothing else is left to do.
   */
  get stuck(): HeddleError | undefined {
    if (this.#passed.size > 0 || this.#waiting === 0) return undefined;
    const now = performance.now();
    let error: HeddleError | undefined;
    for (const line of this.#order) {
      if (line.isEmpty) continue;
      const forMs = line.lane?.patience(now, line.openedAt) ?? Number.POSITIVE_INFINITY;
      if (forMs > 0) {
        this.#wakeIn(forMs, now);
        return undefined;
      }
      error ??= laneOpen(line.lane as Lane, (line.lane as Lane).whyClosed(now));
    }
    return error;
  }

  /** The attempt succeeded. */
  succeeded(chunk: Chunk): void {
    const call = this.#callOf(chunk);
    call?.lane.succeeded(call.grant, performance.now());
  }

  /**
   * The attempt failed: decides what that means for the task, and protects the provider. To be called for
   * every failure. Calls the caller's `classify` and `retryIf`, and throws what they throw; {@link
   * decideRetry}.
   */
  failed(chunk: Chunk, failed: FailedAttempt): RetryDecision {
    const call = this.#callOf(chunk);
    if (call === undefined) return decideRetry(failed);
    const decision = call.lane.failed(call.grant, failed, performance.now());
    if (decision.kind === 'again') call.statistics[decision.isCharged ? 'retries' : 'refunds']++;
    return decision;
  }

  /** The job of the task continues elsewhere. The task keeps its locks until the job is over. */
  keepLocks(chunk: Chunk): void {
    const task = this.#passed.get(chunk)?.task;
    if (task?.ticket === undefined) return;
    this.#kept.set(indexOf(chunk, 0), task.ticket);
    task.ticket = undefined;
  }

  /** Applies what a task reported of its provider's answer. */
  observe(chunk: Chunk, { headers, used }: Pick<ObservedMessage, 'headers' | 'used'>): void {
    const call = this.#callOf(chunk);
    call?.lane.observe(call.grant, headers, used, performance.now());
  }

  /** The attempt has ended, however it ended: releases its locks and its place in the lane. */
  over(chunk: Chunk): void {
    const passed = this.#passed.get(chunk);
    if (passed === undefined) return;
    this.#passed.delete(chunk);
    const { task, grant } = passed;
    if (task.ticket !== undefined) this.#locks.release(task.ticket);
    if (grant !== undefined) task.line.lane?.over(grant, performance.now());
  }

  /** Removes and returns all waiting tasks. */
  cancel(): Chunk[] {
    this.#clearTimer();
    const tasks: WaitingTask[] = [];
    // First: the locks that are released below must not be granted to these.
    for (const { locking } of this.#order) {
      for (const task of locking) {
        locking.delete(task);
        if (task.ticket !== undefined) this.#locks.cancel(task.ticket);
        tasks.push(task);
      }
    }
    for (const task of this.#order.flatMap((line) => line.drain())) {
      if (task.ticket !== undefined) this.#locks.release(task.ticket);
      tasks.push(task);
    }
    for (const ticket of this.#kept.values()) this.#locks.release(ticket);
    this.#kept.clear();
    this.#waiting = 0;
    return tasks.map(({ chunk }) => chunk);
  }

  /** Statistics of each lane. */
  get lines(): readonly LaneLines[] {
    return [...this.#lines].map(([lane, lines]) => {
      const [first, ...others] = [...lines.values()].map(({ statistics }) => statistics);
      return { lane, statistics: first as LineStatistics, others };
    });
  }

  /** Ends the timer and the subscriptions to lanes. */
  close(): void {
    this.#clearTimer();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    const now = performance.now();
    for (const { statistics } of this.#order) statistics.hold(undefined, '', now);
  }

  /** The call of a task that went through a lane. */
  #callOf(chunk: Chunk): { lane: Lane; grant: Grant; statistics: LineStatistics } | undefined {
    const { task, grant } = this.#passed.get(chunk) ?? {};
    if (task?.line.lane === undefined || grant === undefined) return undefined;
    return { lane: task.line.lane, grant, statistics: task.line.statistics };
  }

  /** Asks for the locks of a task. With its locks, it enters its line. */
  #lock(task: WaitingTask): void {
    const { line, wants } = task;
    if (task.ticket !== undefined || wants.length === 0) return line.enter(task);
    task.ticket = this.#locks.request(wants, () => {
      line.locking.delete(task);
      line.enter(task);
      this.#host.onReady();
    });
    if (task.ticket.isHeld) line.enter(task);
    else line.locking.add(task);
  }

  #park(line: GateLine): void {
    // All are parked before the first lock is released, since that lock may go to a task of this line.
    for (const ticket of line.parkHolders()) this.#locks.release(ticket);
  }

  /**
   * Parked tasks ask for their locks again, in their order, if the lane may be open.
   *
   * @returns how long until the lane may be open, in ms; Infinity when they asked
   */
  #unpark(line: GateLine, now: number): number {
    const { lane, parked, statistics } = line;
    const hold = parked === undefined ? undefined : lane?.look(now, parked.request);
    if (hold !== undefined && hold.waitMs > PARK_MS) {
      statistics.hold(hold.bound, hold.text, now);
      return hold.waitMs;
    }
    for (const task of line.unpark()) this.#lock(task);
    return Number.POSITIVE_INFINITY;
  }

  #lineOf(lane: Lane | undefined, kind: string): GateLine {
    let lines = this.#lines.get(lane);
    if (lines === undefined) {
      lines = new Map();
      this.#lines.set(lane, lines);
      if (lane !== undefined) this.#subscriptions.push(lane.subscribe(this.#listener(lane)));
    }
    let line = lines.get(kind);
    if (line === undefined) {
      line = new GateLine(lane, performance.now());
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
    // Rounded up: a timer may fire early by a fraction of a millisecond.
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

function isLongClosed({ waitMs, bound }: Hold): boolean {
  return waitMs > PARK_MS && (bound === 'pause' || bound === 'breaker');
}

function laneOpen(lane: Lane, why: string): HeddleError {
  const because = lane.lastError === undefined ? '' : ` (last error: ${lane.lastError})`;
  return new HeddleError(
    'HEDDLE_LANE_OPEN',
    `The lane ${lane.name} is closed: ${why}${because}; run the batch again when the provider has recovered`,
  );
}
