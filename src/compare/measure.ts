/**
 * Measures: from candidates to figures.
 *
 *   scout      a child with a plain loop: checks the module, finds the size of the sample (sample.ts), and
 *              gives the outcomes that all variants must equal
 *   variants   one child each: started, given the sample, run to warm up, its outcomes compared (equality.ts)
 *   rounds     interleaved over all children, which live until the end (rounds.ts)
 *
 * Each variant has a process of its own, so that peak memory and compiled code are its own, and keeps it, so
 * that every round runs warm. Idle processes sleep. At most MAX_VARIANTS are alive, and none starts when
 * memory is short.
 *
 * A round's time is that of the sample, with threads started and the module loaded; the start is measured
 * apart.
 *
 * The deadline holds whatever tasks do. Variants are checked in the order of importance, each only if it and
 * two rounds of all before it still fit; then as many rounds as fit are run.
 */

import { cpus, freemem, loadavg } from 'node:os';
import { OptionError } from '../main/index.js';
import { type ChildProcess, ChildProcesses, OutOfTime } from './child-process.js';
import { BenchProblem, type ChildSpec, type Round } from './child-protocol.js';
import { Equality } from './equality.js';
import type { Figures, LeftOut, Measured } from './figures.js';
import { LEAST_ROUNDS, leastMs, runRounds, type WarmVariant } from './rounds.js';
import {
  betterSize,
  type Candidates,
  type Pilot,
  pick,
  runPilot,
  type Sample,
  sampleSize,
  WAITING_SHARE,
} from './sample.js';
import { median, timingOf } from './statistics.js';
import { byPlace, chooseVariants, LOOP, type Variant, type VariantRequest } from './variants.js';

export interface MeasureRequest
  extends Pick<VariantRequest, 'cores' | 'threads' | 'chunks' | 'concurrencies'>,
    Pick<ChildSpec, 'module' | 'timeoutMs' | 'memoryLimitMb'> {
  readonly candidates: Candidates;
  readonly sample: number | 'auto';
  readonly rounds: number;
  readonly maxMs: number;
  /** Run a task that must not run more than once. */
  readonly force: boolean;
  /** Where the output of tasks goes. */
  readonly output: 'stderr' | 'drop';
  /** Ends all processes at once; `measure` then throws. */
  readonly signal: AbortSignal;
  /** Receives what happens next. */
  readonly onStep: (text: string) => void;
}

const MAX_VARIANTS = 12;
/** Load of the last minute per processor above which a warning is given. */
const BUSY_LOAD = 0.5;
const SAMPLE_ATTEMPTS = 3;
/** A thread sees only its share of the sample, so more threads need more rounds to compile as much. */
const MOST_WARM_UPS = 4;
/** Estimate for a child and its threads. */
const START_MS = 300;
/** A machine with less free memory swaps, and what is measured then is the disk. */
const LEAST_FREE_BYTES = 256 * 2 ** 20;
/** For shorter tasks, reading the clock for each would show in the time of a round. */
const CLOCKED_TASK_MS = 0.02;

/**
 * Measures all variants. Every child process has ended when the promise settles.
 *
 * @throws BenchProblem, {@link OptionError}, or heddle's error about the module
 */
export async function measure(request: MeasureRequest): Promise<Figures> {
  const children = new ChildProcesses(request.output);
  const kill = () => children.kill();
  request.signal.addEventListener('abort', kill);
  try {
    request.signal.throwIfAborted();
    return await new Measurement(request, children).run();
  } catch (error) {
    throw error instanceof OutOfTime ? tooLittleTime('not even one round of a plain loop ended') : error;
  } finally {
    request.signal.removeEventListener('abort', kill);
    kill();
  }
}

function tooLittleTime(what: string): BenchProblem {
  return new BenchProblem(
    `the time is too short to compare anything: ${what}; raise --max-time, or lower --sample`,
  );
}

class Measurement {
  readonly #request: MeasureRequest;
  readonly #children: ChildProcesses;
  readonly #deadline: number;
  readonly #variants: WarmVariant[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #warnings: string[] = [];

  constructor(request: MeasureRequest, children: ChildProcesses) {
    this.#request = request;
    this.#children = children;
    this.#deadline = performance.now() + request.maxMs;
  }

  async run(): Promise<Figures> {
    const { candidates, maxMs, rounds, onStep } = this.#request;
    onStep('looking at the task');
    this.#warnIfBusy();
    const scout = await this.#openScout();
    const pilot = await runPilot(scout, candidates, this.#deadline, maxMs);
    const { sample, reference } = await this.#takeSample(scout, pilot);
    const equality = new Equality(scout, sample, reference);
    await this.#openVariants(pilot, sample, reference.ms, equality);
    scout.kill();
    const ended = await runRounds(this.#variants, { rounds, deadline: this.#deadline, onStep });
    this.#leftOut.push(...ended.leftOut);
    this.#warnings.push(...ended.warnings);
    if (equality.warning !== undefined) this.#warnings.push(equality.warning);
    return this.#figures(sample, reference.failed, pilot);
  }

  /** Other programs take time from threads first: a plain loop still has a processor. */
  #warnIfBusy(): void {
    const [load = 0] = loadavg();
    const processors = cpus().length;
    if (load > processors * BUSY_LOAD)
      this.#warnings.push(
        `the machine was busy before the start (load ${load.toFixed(1)} on ${processors} processors); ` +
          'if it still was, threads are faster than they look here',
      );
  }

  async #openScout(): Promise<ChildProcess> {
    const scout = this.#children.start(LOOP.name);
    const spec = { ...this.#specOf(LOOP), checksModule: true };
    const { execution } = await scout.ask({ type: 'open', spec }, this.#deadline);
    if (execution === 'at-most-once' && !this.#request.force)
      throw new OptionError(
        'force',
        "the task module exports execution = 'at-most-once': its tasks must not run twice, and bench runs " +
          'each of them many times; use --force to run it anyway',
      );
    return scout;
  }

  async #takeSample(scout: ChildProcess, pilot: Pilot): Promise<{ sample: Sample; reference: Round }> {
    const { candidates, maxMs, sample: asked, onStep } = this.#request;
    const request = { asked, candidates: candidates.inputs.length, pilot, maxMs };
    let count = sampleSize(request);
    for (let attempt = 1; ; attempt++) {
      onStep(`running a sample of ${count}`);
      const sample = pick(candidates, count);
      await scout.give(sample.inputs, this.#deadline);
      const reference = await scout.ask({ type: 'round', hashes: true, times: false }, this.#deadline);
      const better = attempt < SAMPLE_ATTEMPTS ? betterSize(request, count, reference.ms) : undefined;
      if (better !== undefined) count = better;
      else if (reference.failed < count) return { sample, reference };
      else
        throw new BenchProblem(
          `all ${count} tasks of the sample fail, and how fast they fail says nothing; ` +
            `the first: ${reference.firstError}`,
        );
    }
  }

  async #openVariants(pilot: Pilot, sample: Sample, loopMs: number, equality: Equality): Promise<void> {
    const { cores, threads, chunks, concurrencies } = this.#request;
    const waits = pilot.cpuShare < WAITING_SHARE;
    const sampleCount = sample.inputs.length;
    const taskMs = loopMs / sampleCount;
    const taskBytes = pilot.payload.bytes;
    const request = { cores, sampleCount, taskMs, taskBytes, waits, threads, chunks, concurrencies };
    for (const variant of chooseVariants(request)) {
      const sideBySide = waits ? variant.concurrency : Math.min(variant.threads, cores);
      const reason = this.#reasonAgainst(loopMs / sideBySide + START_MS);
      if (reason === undefined) await this.#openVariant(variant, sample, equality, taskMs);
      else this.#leftOut.push({ name: variant.name, reason });
    }
    if (this.#variants.length < 2)
      throw tooLittleTime(`a round of one variant takes ${Math.round(loopMs)} ms`);
  }

  #reasonAgainst(expectedMs: number): string | undefined {
    if (this.#variants.length >= MAX_VARIANTS)
      return `at most ${MAX_VARIANTS} variants are compared at a time`;
    if (this.#variants.length === 0) return undefined;
    const endAt = performance.now() + expectedMs * (1 + LEAST_ROUNDS) + leastMs(this.#variants);
    if (endAt > this.#deadline) return 'no time';
    return freemem() < LEAST_FREE_BYTES ? 'no memory' : undefined;
  }

  async #openVariant(variant: Variant, sample: Sample, equality: Equality, taskMs: number): Promise<void> {
    const { name, kind } = variant;
    this.#request.onStep(`checking ${name}`);
    const deadline = this.#deadline - leastMs(this.#variants);
    const child = this.#children.start(name);
    const isLoop = kind === 'loop';
    try {
      const { startMs } = await child.ask({ type: 'open', spec: this.#specOf(variant) }, deadline);
      await child.give(sample.inputs, deadline);
      const first = await child.ask({ type: 'round', hashes: !isLoop, times: isLoop }, deadline);
      await equality.check(name, child, first, deadline);
      let expectedMs = first.ms;
      for (let i = 1; i < Math.min(variant.threads, MOST_WARM_UPS); i++)
        ({ ms: expectedMs } = await child.ask({ type: 'round', hashes: false, times: false }, deadline));
      const times = isLoop && taskMs >= CLOCKED_TASK_MS;
      this.#variants.push({ variant, child, startMs, first, expectedMs, times, rounds: [] });
    } catch (error) {
      child.kill();
      if (!(error instanceof OutOfTime)) throw error;
      this.#leftOut.push({ name, reason: 'no time' });
    }
  }

  #specOf({ kind, threads, concurrency, chunk }: Variant): ChildSpec {
    const { module, timeoutMs, memoryLimitMb } = this.#request;
    return { kind, module, threads, concurrency, chunk, timeoutMs, memoryLimitMb, checksModule: false };
  }

  #figures(sample: Sample, failed: number, { payload }: Pilot): Figures {
    const { cores, candidates } = this.#request;
    const { total } = candidates;
    const complete = this.#variants.filter(({ rounds }) => rounds.length > 0);
    const loop = complete.find(({ variant }) => variant.kind === 'loop');
    if (loop === undefined || complete.length < 2) throw tooLittleTime('no round of all variants ended');
    const count = sample.inputs.length;
    const how = total === undefined ? 'head' : count >= total ? 'all' : 'evenly spread';
    return {
      cores,
      sample: { count, total, how },
      rounds: Math.max(...complete.map(({ rounds }) => rounds.length)),
      failed,
      cpuShare: Math.min(1, Math.max(...loop.rounds.map(({ cpuMs, ms }) => cpuMs / Math.max(ms, 1e-6)))),
      payload,
      measured: complete.map(measuredOf).sort((a, b) => byPlace(a.variant, b.variant)),
      leftOut: this.#leftOut,
      warnings: this.#warnings,
    };
  }
}

function measuredOf({ variant, startMs, first, rounds }: WarmVariant): Measured {
  const p95s = rounds.flatMap(({ taskP95Ms }) => taskP95Ms ?? []);
  return {
    variant,
    timing: timingOf(rounds.map(({ ms }) => ms)),
    startMs,
    cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
    taskP95Ms: p95s.length > 0 ? median(p95s) : (first.taskP95Ms ?? Number.NaN),
    peakBytes: Math.max(...rounds.map(({ peakBytes }) => peakBytes)),
  };
}
