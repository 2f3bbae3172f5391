/**
 * Measures: from candidates to figures.
 *
 *   scout      a child with a plain loop: the module is checked, the size of the sample found (pilot.ts), its outcomes hashed
 *   variants   one child each: started, given the sample, run once to warm up; its outcomes must equal the scout's (equality.ts)
 *   rounds     interleaved over all children, which live until the end (rounds.ts)
 *
 * Each variant has a process of its own, so that peak memory and compiled code are its own, and keeps it, so that every round runs warm:
 * restarting for each round would keep fewer processes alive, but would time compilation again and again. Idle processes sleep. At most
 * MAX_VARIANTS are alive, and none is started when the machine has no memory for it.
 *
 * A round's time is that of the sample with threads started and the module loaded; starting is measured apart. What the loop runs in is
 * a process without heddle.
 *
 * The deadline holds whatever tasks do. Variants are checked in the order of importance, each only if it and two rounds of all before it
 * still fit; then as many rounds as fit.
 */

import { cpus, freemem, loadavg } from 'node:os';
import { OptionError } from '../main/index.js';
import { ChildProcess } from './child-process.js';
import { Equality } from './equality.js';
import type { Figures, LeftOut, Measured } from './figures.js';
import { Guard } from './guard.js';
import { betterSize, type Pilot, runPilot, sampleSize, waits } from './pilot.js';
import { BenchProblem, OutOfTime } from './problems.js';
import type { ChildSpec, Round } from './protocol.js';
import { type Entry, LEAST_ROUNDS, leastMs, runRounds } from './rounds.js';
import { type Candidates, pick, type Sample } from './sample.js';
import { median, timingOf } from './statistics.js';
import { byPlace, chooseVariants, LOOP, type Variant } from './variants.js';

/** What is to be measured. */
export interface MeasureRequest {
  /** Absolute path of the task module. */
  readonly module: string;
  readonly candidates: Candidates;
  readonly sample: number | 'auto';
  readonly cores: number;
  readonly threads: readonly number[] | undefined;
  readonly chunks: readonly (number | 'auto')[] | undefined;
  readonly concurrencies: readonly number[] | undefined;
  readonly rounds: number;
  readonly maxMs: number;
  readonly timeoutMs: number | undefined;
  readonly memoryLimitMb: number | undefined;
  /** Run a task that must not run more than once. */
  readonly force: boolean;
  readonly output: 'stderr' | 'drop';
  /** Told what comes next. */
  readonly onStep: (text: string) => void;
}

const MAX_VARIANTS = 12;
/** Load of the last minute by processor from which on it is told. */
const BUSY_LOAD = 0.5;
const SAMPLE_ATTEMPTS = 3;
/** A thread sees its share of the sample only, so several threads need several rounds to have compiled as much as one. */
const MOST_WARM_UPS = 4;
/** A child and its threads, before anything is known of them. */
const START_MS = 300;
/** A machine with less free memory than this swaps, and what is measured then is the disk. */
const LEAST_FREE_BYTES = 256 * 2 ** 20;
/** From here on, looking at the clock for each task does not show. */
const CLOCKED_TASK_MS = 0.02;

/** Measures; every child has ended when it settles. */
export class Measurement {
  readonly #request: MeasureRequest;
  readonly #children = new Set<ChildProcess>();
  readonly #guard = new Guard();
  readonly #entries: Entry[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #warnings: string[] = [];
  readonly #deadline: number;
  /** Of the warm-up: tasks that are too short to be timed one by one in rounds that count. */
  #p95OfLoop: number | undefined;

  constructor(request: MeasureRequest) {
    this.#request = request;
    this.#deadline = performance.now() + request.maxMs;
  }

  /** Ends all children at once. */
  kill(): void {
    for (const child of this.#children) child.kill();
    this.#guard.end();
  }

  /** @throws {@link OptionError}, BenchProblem, or what the library says about the module */
  async run(): Promise<Figures> {
    try {
      return await this.#run();
    } finally {
      this.kill();
    }
  }

  async #run(): Promise<Figures> {
    const { candidates, onStep } = this.#request;
    onStep('looking at the task');
    this.#lookAtMachine();
    const scout = await this.#openScout();
    const pilot = await runPilot(scout, candidates, this.#deadline, this.#request.maxMs);
    const { sample, truth } = await this.#takeSample(scout, pilot);
    const equality = new Equality(scout, sample, truth);
    await this.#openVariants(pilot, sample, truth, equality);
    scout.kill();
    const { rounds } = this.#request;
    const clocksLoop = this.#p95OfLoop === undefined;
    const ended = await runRounds(this.#entries, { rounds, deadline: this.#deadline, clocksLoop, onStep });
    this.#leftOut.push(...ended.leftOut);
    this.#warnings.push(...ended.warnings);
    if (equality.warning !== undefined) this.#warnings.push(equality.warning);
    return this.#figures(sample, truth, pilot);
  }

  /** Whoever else computes takes from threads first: a plain loop still has a processor. */
  #lookAtMachine(): void {
    const [load = 0] = loadavg();
    const processors = cpus().length;
    if (load > processors * BUSY_LOAD)
      this.#warnings.push(
        `the machine was busy before this began (load ${load.toFixed(1)} on ${processors} processors); if it still was, threads are faster than they look here`,
      );
  }

  async #openScout(): Promise<ChildProcess> {
    const scout = this.#start('plain loop');
    const { execution } = await this.#inTime(
      scout.open({ ...this.#specOf(LOOP), checksModule: true }, this.#deadline),
    );
    if (execution === 'at-most-once' && !this.#request.force) {
      throw new OptionError(
        'force',
        "the task module exports execution = 'at-most-once': its tasks must not run twice, and bench runs each of them many times; --force does it all the same",
      );
    }
    return scout;
  }

  async #takeSample(scout: ChildProcess, pilot: Pilot): Promise<{ sample: Sample; truth: Round }> {
    const { candidates, maxMs, sample: asked } = this.#request;
    const request = { asked, candidates: candidates.inputs.length, pilot, maxMs };
    let count = sampleSize(request);
    for (let attempt = 1; ; attempt++) {
      this.#request.onStep(`running a sample of ${count}`);
      const sample = pick(candidates, count);
      await this.#inTime(scout.give(sample.inputs, this.#deadline));
      const truth = await this.#inTime(
        scout.ask({ type: 'round', hashes: true, times: false }, this.#deadline),
      );
      const better = attempt < SAMPLE_ATTEMPTS ? betterSize(request, count, truth.ms) : undefined;
      if (better !== undefined) {
        count = better;
        continue;
      }
      if (truth.failed === count)
        throw new BenchProblem(
          `all ${count} tasks of the sample fail, and how fast they fail says nothing; the first: ${truth.firstError}`,
        );
      return { sample, truth };
    }
  }

  async #openVariants(pilot: Pilot, sample: Sample, truth: Round, equality: Equality): Promise<void> {
    const { cores, threads, chunks, concurrencies } = this.#request;
    const isWaiting = waits(pilot);
    const sampleCount = sample.inputs.length;
    const taskMs = truth.ms / sampleCount;
    const variants = chooseVariants({
      ...{ cores, sampleCount, taskMs, taskBytes: pilot.payload.bytes, waits: isWaiting },
      ...{ threads, chunks, concurrencies },
    });
    for (const variant of variants) {
      const lanes = isWaiting ? variant.concurrency : Math.min(variant.threads, cores);
      const reason = this.#reasonAgainst(truth.ms / lanes + START_MS);
      if (reason !== undefined) this.#leave(variant, reason);
      else await this.#openVariant(variant, sample, equality, taskMs);
    }
    if (this.#entries.length < 2)
      throw this.#tooLittleTime(`a round of one variant takes ${Math.round(truth.ms)} ms`);
  }

  #reasonAgainst(expectedMs: number): string | undefined {
    if (this.#entries.length >= MAX_VARIANTS)
      return `at most ${MAX_VARIANTS} variants are compared at a time`;
    if (this.#entries.length === 0) return undefined;
    if (performance.now() + expectedMs * (1 + LEAST_ROUNDS) > this.#deadline - leastMs(this.#entries))
      return 'no time';
    return freemem() < LEAST_FREE_BYTES ? 'no memory' : undefined;
  }

  async #openVariant(variant: Variant, sample: Sample, equality: Equality, taskMs: number): Promise<void> {
    const { name, kind } = variant;
    this.#request.onStep(`checking ${name}`);
    const deadline = this.#deadline - leastMs(this.#entries);
    const child = this.#start(name);
    const isLoop = kind === 'loop';
    try {
      const { startMs } = await child.open(this.#specOf(variant), deadline);
      await child.give(sample.inputs, deadline);
      const round = await child.ask({ type: 'round', hashes: !isLoop, times: isLoop }, deadline);
      await equality.check(name, child, round, deadline);
      let checkMs = round.ms;
      for (let i = 1; i < Math.min(variant.threads, MOST_WARM_UPS); i++)
        ({ ms: checkMs } = await child.ask({ type: 'round', hashes: false, times: false }, deadline));
      this.#entries.push({ variant, child, startMs, checkMs, rounds: [] });
      if (isLoop && taskMs < CLOCKED_TASK_MS) this.#p95OfLoop = round.taskP95Ms;
    } catch (error) {
      child.kill();
      if (!(error instanceof OutOfTime)) throw error;
      this.#leave(variant, 'no time');
    }
  }

  #figures(sample: Sample, truth: Round, { payload }: Pilot): Figures {
    const { cores, candidates } = this.#request;
    const complete = this.#entries.filter(({ rounds }) => rounds.length > 0);
    const loop = complete.find(({ variant }) => variant.kind === 'loop');
    if (loop === undefined || complete.length < 2)
      throw this.#tooLittleTime('no round of all variants ended');
    const count = sample.inputs.length;
    const isAll = candidates.total !== undefined && count >= candidates.total;
    return {
      cores,
      sample: {
        count,
        total: candidates.total,
        how: isAll ? 'all' : candidates.total === undefined ? 'head' : 'evenly spread',
      },
      rounds: Math.max(...complete.map(({ rounds }) => rounds.length)),
      failed: truth.failed,
      cpuShare: Math.min(1, Math.max(...loop.rounds.map(({ cpuMs, ms }) => cpuMs / Math.max(ms, 1e-6)))),
      payload,
      measured: complete.map((entry) => this.#measured(entry)).sort((a, b) => byPlace(a.variant, b.variant)),
      leftOut: this.#leftOut,
      warnings: this.#warnings,
    };
  }

  #measured({ variant, startMs, rounds }: Entry): Measured {
    const p95s = rounds.flatMap(({ taskP95Ms }) => taskP95Ms ?? []);
    return {
      variant,
      timing: timingOf(rounds.map(({ ms }) => ms)),
      startMs,
      cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
      taskP95Ms: p95s.length > 0 ? median(p95s) : (this.#p95OfLoop ?? Number.NaN),
      peakBytes: Math.max(...rounds.map(({ peakBytes }) => peakBytes)),
    };
  }

  #start(name: string): ChildProcess {
    const child = ChildProcess.start(name, this.#request.output);
    this.#children.add(child);
    this.#guard.watch(child.pid);
    return child;
  }

  #specOf({ kind, threads, concurrency, chunk }: Variant): ChildSpec {
    const { module, timeoutMs, memoryLimitMb } = this.#request;
    return { kind, module, threads, concurrency, chunk, timeoutMs, memoryLimitMb, checksModule: false };
  }

  #leave({ name }: Variant, reason: string): void {
    this.#leftOut.push({ name, reason });
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof OutOfTime) throw this.#tooLittleTime('not even one round of a plain loop ended');
      throw error;
    }
  }

  #tooLittleTime(what: string): BenchProblem {
    return new BenchProblem(
      `the time is too short to compare anything: ${what}; give more with --max-time, or fewer inputs with --sample`,
    );
  }
}
