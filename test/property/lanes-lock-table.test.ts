/** Locks in random use: no two that exclude each other, none stuck, no key left, nobody overtaken. */

import { expect, it } from 'vitest';
import { LockTable, type LockTicket, type LockWant } from '../../src/main/lanes/lock-table.js';
import { seededRandom } from '../support/provider-models.js';

interface Request {
  readonly number: number;
  readonly wants: readonly LockWant[];
  readonly ticket: LockTicket;
}

/**
 * One round: random requests, releases and cancels, also from within onGranted; throws at the first
 * violation.
 */
class Round {
  readonly #random: () => number;
  readonly #table = new LockTable();
  readonly #readers = new Map<string, number>();
  readonly #writers = new Set<string>();
  readonly #waiting = new Map<number, Request>();
  readonly #running: Request[] = [];
  #inRequest = false;
  #requested = 0;
  granted = 0;
  cancelled = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  run(requests: number): void {
    const keys = 1 + this.#below(12);
    const most = 1 + this.#below(6);
    while (this.#requested < requests) {
      this.#request(keys);
      if (this.#below(8) === 0) this.#cancelAny();
      while (this.#running.length > this.#below(most)) this.#releaseAny();
    }
    while (this.#running.length > 0) this.#releaseAny();
    if (this.#waiting.size > 0) throw new Error(`${this.#waiting.size} requests are stuck`);
    if (this.#table.size > 0) throw new Error(`${this.#table.size} keys are left`);
    if (this.granted + this.cancelled !== this.#requested) throw new Error('a request was lost');
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #request(keys: number): void {
    const number = this.#requested++;
    const wants = Array.from({ length: 1 + this.#below(4) }, () => ({
      key: `key ${this.#below(keys)}`,
      isShared: this.#below(3) > 0,
    }));
    this.#inRequest = true;
    const ticket = this.#table.request(wants, () => {
      if (this.#inRequest) throw new Error('told within request');
      const request = this.#waiting.get(number);
      if (request === undefined) throw new Error('told, but did not wait');
      this.#waiting.delete(number);
      this.#begin(request);
      if (this.#below(6) === 0) this.#releaseAny();
      if (this.#below(6) === 0) this.#cancelAny();
      if (this.#below(6) === 0 && this.#requested < 60) this.#request(keys);
    });
    this.#inRequest = false;
    const request = { number, wants: merged(wants), ticket };
    if (ticket.isHeld) this.#begin(request);
    else this.#waiting.set(number, request);
  }

  #begin(request: Request): void {
    if (!request.ticket.isHeld) throw new Error('told, but not held');
    for (const { key, isShared } of request.wants) {
      if (this.#writers.has(key) || (!isShared && (this.#readers.get(key) ?? 0) > 0))
        throw new Error(`${key} is held by two that exclude each other`);
      if (isShared) this.#readers.set(key, (this.#readers.get(key) ?? 0) + 1);
      else this.#writers.add(key);
    }
    for (const earlier of this.#waiting.values())
      if (earlier.number < request.number && excludes(earlier, request) && !earlier.ticket.isHeld)
        throw new Error(`request ${earlier.number} was overtaken by ${request.number}`);
    this.granted++;
    this.#running.push(request);
  }

  #releaseAny(): void {
    const [request] = this.#running.splice(this.#below(this.#running.length), 1);
    if (request === undefined) return;
    for (const { key, isShared } of request.wants) {
      if (isShared) this.#readers.set(key, (this.#readers.get(key) as number) - 1);
      else this.#writers.delete(key);
    }
    this.#table.release(request.ticket);
  }

  #cancelAny(): void {
    const request = [...this.#waiting.values()][this.#below(this.#waiting.size)];
    if (request === undefined) return;
    this.#waiting.delete(request.number);
    this.cancelled++;
    this.#table.cancel(request.ticket);
  }
}

function merged(wants: readonly LockWant[]): LockWant[] {
  const keys = [...new Set(wants.map(({ key }) => key))];
  return keys.map((key) => ({ key, isShared: wants.every((want) => want.key !== key || want.isShared) }));
}

function excludes(one: Request, other: Request): boolean {
  return one.wants.some((want) =>
    other.wants.some(({ key, isShared }) => key === want.key && !(isShared && want.isShared)),
  );
}

it('10,000 random rounds with cancels: no violation, none stuck, no key left, nobody overtaken', () => {
  let granted = 0;
  let cancelled = 0;
  for (let seed = 1; seed <= 10_000; seed++) {
    const round = new Round(seed);
    round.run(60);
    granted += round.granted;
    cancelled += round.cancelled;
  }
  expect(granted).toBeGreaterThan(400_000);
  expect(cancelled).toBeGreaterThan(20_000);
});
