/** A line at the gate: tasks that wait for one lane, or polls that wait for one account of it. */

import type { Chunk } from '../executor/chunk.js';
import type { CallRequest } from './account.js';
import type { Lane } from './lane.js';
import { LineStatistics } from './line-statistics.js';
import type { LockTicket, LockWant } from './lock-table.js';

/** A task at the gate. */
export interface WaitingTask {
  readonly chunk: Chunk;
  readonly line: GateLine;
  readonly wants: readonly LockWant[];
  readonly request: CallRequest;
  /** Held in the queues; requested while the task is `locking`; undefined while it is parked. */
  ticket: LockTicket | undefined;
}

/** First in, first out. An index marks the start, because `Array.shift` moves all of a long array. */
class TaskQueue {
  #tasks: WaitingTask[] = [];
  #start = 0;

  get first(): WaitingTask | undefined {
    return this.#tasks[this.#start];
  }

  push(task: WaitingTask): void {
    this.#tasks.push(task);
  }

  shift(): void {
    this.#start++;
    if (this.#start * 2 < this.#tasks.length) return;
    this.#tasks = this.#tasks.slice(this.#start);
    this.#start = 0;
  }

  /** Empties the queue. */
  drain(): WaitingTask[] {
    const tasks = this.#tasks.slice(this.#start);
    this.#tasks = [];
    this.#start = 0;
    return tasks;
  }
}

/**
 * One line. A task is in one of three places:
 *
 *   locking ──(its locks are granted)──▶ a queue ──▶ the lane
 *      ▲                                   │
 *      └───(the lane may open)── parked ◀──┘ (the lane is closed for long: the task gives its locks back)
 *
 * Tasks that run again have a queue of their own, which goes first at every second turn.
 */
export class GateLine {
  readonly lane: Lane | undefined;
  readonly openedAt: number;
  readonly statistics: LineStatistics = new LineStatistics();
  /** Tasks that wait for their locks. */
  readonly locking: Set<WaitingTask> = new Set();
  readonly #fresh = new TaskQueue();
  readonly #again = new TaskQueue();
  #parked: WaitingTask[] = [];
  /** Tasks in the queues whose locks can be parked. */
  #holders = 0;
  #isAgainNext = true;

  constructor(lane: Lane | undefined, openedAt: number) {
    this.lane = lane;
    this.openedAt = openedAt;
  }

  get isEmpty(): boolean {
    return this.next === undefined && this.#parked.length + this.locking.size === 0;
  }

  /** The first of the tasks that gave their locks back, or never got them, because the lane is closed. */
  get parked(): WaitingTask | undefined {
    return this.#parked[0];
  }

  /** The task whose turn it is, of those that have their locks. */
  get next(): WaitingTask | undefined {
    return this.#turn.first;
  }

  /** Appends a task that has its locks. */
  enter(task: WaitingTask): void {
    const { attempt, refunds } = task.chunk;
    if (canPark(task)) this.#holders++;
    (attempt > 1 || refunds > 0 ? this.#again : this.#fresh).push(task);
  }

  /** Removes the task whose turn it is. */
  shift(): void {
    const turn = this.#turn;
    if (turn.first !== undefined && canPark(turn.first)) this.#holders--;
    turn.shift();
    this.#isAgainNext = turn === this.#fresh;
  }

  /** Appends a task that must not ask for its locks now. */
  park(task: WaitingTask): void {
    this.#parked.push(task);
  }

  /** Parks the tasks in the queues that hold locks. @returns the locks, to be released */
  parkHolders(): LockTicket[] {
    const tickets: LockTicket[] = [];
    if (this.#holders === 0) return tickets;
    this.#holders = 0;
    for (const queue of [this.#again, this.#fresh]) {
      for (const task of queue.drain()) {
        if (!canPark(task)) {
          queue.push(task);
          continue;
        }
        tickets.push(task.ticket as LockTicket);
        task.ticket = undefined;
        this.#parked.push(task);
      }
    }
    return tickets;
  }

  /** Removes the parked tasks, in their order. */
  unpark(): WaitingTask[] {
    return this.#parked.splice(0);
  }

  /** Removes all tasks that do not wait for locks. */
  drain(): WaitingTask[] {
    this.#holders = 0;
    return [...this.#again.drain(), ...this.#fresh.drain(), ...this.unpark()];
  }

  /** A provider in trouble gets fresh tasks first: a task that failed may itself be the trouble. */
  get #turn(): TaskQueue {
    const isAgain = this.#isAgainNext && this.lane?.isTroubled !== true;
    if (this.#again.first === undefined) return this.#fresh;
    return isAgain || this.#fresh.first === undefined ? this.#again : this.#fresh;
  }
}

/** A poll got its locks with an earlier attempt: it wants none, and keeps them. */
function canPark({ wants, ticket }: WaitingTask): boolean {
  return ticket !== undefined && wants.length > 0;
}
