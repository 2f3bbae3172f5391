/**
 * A provider and a saturated batch in virtual time, to judge adaptive concurrency by.
 *
 * The provider shares its capacity: up to `knee` calls progress at full speed, more of them slower, so that
 * `knee` is the concurrency from which on more calls give no more throughput. A call that would make more
 * than `refuseAt` gets a 429 after 20 ms. The client has always something to send, and is the only one.
 */

import type { EndedCall } from '../../src/main/lanes/limits/adaptive.js';

/** A time in which a provider stays as it is. */
export interface Phase {
  readonly ms: number;
  readonly knee: number;
  /** Calls at once that it accepts. @defaultValue any number */
  readonly refuseAt?: number | undefined;
  /** @defaultValue the provider's */
  readonly serviceMs?: number;
}

export interface Provider {
  /** Mean duration of a call that is alone. */
  readonly serviceMs: number;
  /** Standard deviation over mean; durations are lognormal. */
  readonly variation: number;
  readonly phases: readonly Phase[];
}

/** Whatever limits the calls at once. */
export interface Controller {
  readonly limit: number;
  ended(call: EndedCall): void;
}

export interface SimulationResult {
  /** Calls that were answered, relative to what the provider could have answered. */
  readonly share: number;
  /** Of all calls, in percent. */
  readonly refused: number;
  /** 95th percentile of latency, relative to `serviceMs`. */
  readonly p95: number;
}

const REFUSAL_MS = 20;

/** Lets a batch run against a provider until its phases are over. */
export function simulate(provider: Provider, controller: Controller, seed: number): SimulationResult {
  const simulation = new Simulation(provider, controller, random(seed * 7919));
  for (const phase of provider.phases) simulation.run(phase);
  return simulation.result();
}

/** Uniform in [0, 1), the same for the same seed: mulberry32. */
export function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Simulation {
  readonly #provider: Provider;
  readonly #controller: Controller;
  readonly #random: () => number;
  #now = 0;
  /** Work that each call in the provider has got since the beginning, in ms of a call that is alone. */
  #work = 0;
  /** When calls were sent, by the #work at which they are done. */
  readonly #served = new Heap();
  /** When refused calls were sent, by the time at which the refusal arrives. */
  readonly #refusals = new Heap();
  #possible = 0;
  #answered = 0;
  #refused = 0;
  readonly #latencies: number[] = [];

  constructor(provider: Provider, controller: Controller, uniform: () => number) {
    this.#provider = provider;
    this.#controller = controller;
    this.#random = uniform;
  }

  run(phase: Phase): void {
    const end = this.#now + phase.ms;
    const serviceMs = phase.serviceMs ?? this.#provider.serviceMs;
    this.#send(phase, serviceMs);
    while (this.#now < end) {
      const speed = Math.min(1, phase.knee / Math.max(1, this.#served.size));
      const answerAt = this.#now + (this.#served.least - this.#work) / speed;
      const refusalAt = this.#refusals.least;
      const next = Math.min(answerAt, refusalAt, end);
      this.#possible += ((next - this.#now) * phase.knee) / serviceMs;
      this.#work += (next - this.#now) * speed;
      this.#now = next;
      if (next === end && next < Math.min(answerAt, refusalAt)) return;
      if (refusalAt <= answerAt) this.#refusalArrives();
      else this.#answerArrives(serviceMs);
      this.#send(phase, serviceMs);
    }
  }

  result(): SimulationResult {
    const sorted = this.#latencies.sort((a, b) => a - b);
    return {
      share: this.#answered / this.#possible,
      refused: (this.#refused / (this.#answered + this.#refused)) * 100,
      p95: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
    };
  }

  get #inFlight(): number {
    return this.#served.size + this.#refusals.size;
  }

  #send({ refuseAt }: Phase, serviceMs: number): void {
    while (this.#inFlight < this.#controller.limit) {
      if (this.#served.size < (refuseAt ?? Number.POSITIVE_INFINITY))
        this.#served.push(this.#work + this.#duration(serviceMs), this.#now);
      else {
        this.#refused++;
        this.#refusals.push(this.#now + REFUSAL_MS, this.#now);
      }
    }
  }

  #refusalArrives(): void {
    const inFlight = this.#inFlight;
    const sentAt = this.#refusals.pop();
    this.#controller.ended({ now: this.#now, sentAt, durationMs: REFUSAL_MS, inFlight, isOverload: true });
  }

  #answerArrives(serviceMs: number): void {
    const inFlight = this.#inFlight;
    const sentAt = this.#served.pop();
    const durationMs = this.#now - sentAt;
    this.#answered++;
    this.#latencies.push(durationMs / serviceMs);
    this.#controller.ended({ now: this.#now, sentAt, durationMs, inFlight, isOverload: false });
  }

  #duration(serviceMs: number): number {
    const sigma = Math.sqrt(Math.log(1 + this.#provider.variation ** 2));
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    return serviceMs * Math.exp(normal * sigma - (sigma * sigma) / 2);
  }
}

/** A binary heap of numbers by key. */
class Heap {
  readonly #entries: (readonly [key: number, value: number])[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The least key, Infinity when it is empty. */
  get least(): number {
    return this.#entries[0]?.[0] ?? Number.POSITIVE_INFINITY;
  }

  push(key: number, value: number): void {
    let at = this.#entries.push([key, value]) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#key(parent) <= this.#key(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Takes out the value of the least key; there must be one. */
  pop(): number {
    const [, value] = this.#entries[0] as readonly [number, number];
    const last = this.#entries.pop() as readonly [number, number];
    if (this.#entries.length > 0) this.#entries[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = this.#key(left + 1) < this.#key(left) ? left + 1 : left;
      if (this.#key(child) >= this.#key(at)) return value;
      this.#swap(at, child);
      at = child;
    }
  }

  #key(at: number): number {
    return this.#entries[at]?.[0] ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const entry = this.#entries[a] as readonly [number, number];
    this.#entries[a] = this.#entries[b] as readonly [number, number];
    this.#entries[b] = entry;
  }
}
