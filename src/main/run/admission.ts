/**
 * Admission: the options `lane` and `locks` of a run, made into a gate, and what the report says of them.
 *
 * A named lane is shared by the runs of a runtime; one that is given to a run is its own. Shards of a batch
 * divide it.
 */

import { performance } from 'node:perf_hooks';
import type { CallLog } from '../../session/call-log.js';
import type { InContext } from '../executor/executor.js';
import type { EventHub } from '../figures/events.js';
import type { Clamp } from '../figures/report.js';
import { Gate } from '../lanes/gate.js';
import { Lane } from '../lanes/lane.js';
import type { Grant } from '../lanes/lane-call.js';
import type { HeldBy, LaneReport } from '../lanes/lane-report.js';
import type { LineStatistics } from '../lanes/line-statistics.js';
import { LockTable, resolveLocks } from '../lanes/lock-table.js';
import type { ResolvedLane } from '../lanes/resolved-lane.js';
import type { ResolvedRunOptions } from '../options/resolve-options.js';
import type { Recording } from './recording.js';
import type { Stop } from './stop.js';
import type { Wake } from './wake.js';

/** What the runs of a runtime share: lanes, by their options and share, and locks. */
export interface LanesInUse {
  readonly lanes: WeakMap<ResolvedLane, Map<string, Lane>>;
  locks: LockTable | undefined;
}

/** What admission reports to. */
export interface AdmissionParts {
  readonly wake: Wake;
  readonly events: EventHub;
  readonly stop: Stop;
  readonly inContext: InContext;
}

const ALONE = { index: 1, count: 1 };
const NO_LOCKS: ReturnType<typeof resolveLocks> = [];
const HELD_BY: readonly HeldBy[] = ['rate', 'budget', 'concurrency', 'pause', 'breaker', 'locks'];
/** A limit that held tasks for a smaller share of the run than this did not bind it. */
const BINDS = 0.1;

/** The lanes and locks of one run. */
export class Admission {
  readonly gate: Gate;
  readonly #options: ResolvedRunOptions;
  readonly #inUse: LanesInUse;
  readonly #parts: AdmissionParts;
  /** Lanes that no run has used before: these know nothing of earlier calls. */
  readonly #new = new Set<Lane>();
  #log: CallLog | undefined;

  constructor(options: ResolvedRunOptions, inUse: LanesInUse, recording: Recording, parts: AdmissionParts) {
    this.#options = options;
    this.#inUse = inUse;
    this.#parts = parts;
    const { lane, locks } = options;
    inUse.locks ??= new LockTable();
    this.gate = new Gate(
      {
        laneOf: (input, index) => {
          if (lane === undefined) return undefined;
          return this.#lane(typeof lane === 'function' ? lane(input, index) : lane);
        },
        locksOf: (input, index) => (locks === undefined ? NO_LOCKS : resolveLocks(locks(input, index))),
        isMixed: locks !== undefined || typeof lane === 'function',
        inContext: parts.inContext,
        onReady: () => parts.wake.fire(),
        onEvent: (event, name, account) => parts.events.emit({ ...event, lane: name, account }),
        onStart: (of, grant) => this.#start(of, grant),
      },
      inUse.locks,
    );
    // Before anything starts: a limit that cannot be divided among shards is refused.
    const all = typeof lane === 'function' ? lane.lanes : lane === undefined ? [] : [lane];
    const lanes = all.map((each) => this.#lane(each));
    this.#keep(recording, lanes);
  }

  /** Calls are kept for a later process; those of an earlier one count. */
  #keep(recording: Recording, lanes: readonly Lane[]): void {
    const keepMs = Math.max(0, ...lanes.map((each) => each.memoryMs));
    if (keepMs === 0) return;
    this.#log = recording.openCalls?.(keepMs);
    if (this.#log === undefined) return;
    const { earlier } = this.#log;
    const now = performance.now();
    const epoch = Date.now();
    for (const each of this.#new) {
      const calls = earlier.filter((call) => call.lane === each.name);
      each.seed(
        calls.map(({ account, at, costs }) => ({ account, at: now - Math.max(0, epoch - at), costs })),
        now,
      );
    }
  }

  close(): void {
    this.gate.close();
    this.#log?.close();
  }

  /** What each lane did. @param runMs - length of the run */
  reports(runMs: number): LaneReport[] {
    return this.gate.lines.map(({ lane, statistics, others }) => {
      const { pauses, opened, longest } = statistics;
      const heldMs = Object.fromEntries(HELD_BY.map((by) => [by, statistics.heldMs(by)]));
      const sum = (of: (each: LineStatistics) => number) =>
        [statistics, ...others].reduce((total, each) => total + of(each), 0);
      return {
        lane: lane?.name,
        starts: sum(({ starts }) => starts),
        retries: sum(({ retries }) => retries),
        throttled: sum(({ refunds }) => refunds),
        pauses,
        opened,
        heldMs: heldMs as LaneReport['heldMs'],
        boundBy: longest !== undefined && longest.ms > runMs * BINDS ? longest.text : undefined,
        accounts: (lane?.accounts ?? []).map((account) => ({
          name: account.name,
          starts: account.starts,
          concurrency: account.concurrency,
          learnedPerSecond: account.learnedPerSecond,
          breaker: account.breaker?.state,
        })),
      };
    });
  }

  /** Where the lane allows fewer calls at once than were asked for. */
  clamps(requested: number): Clamp[] {
    return this.gate.lines.flatMap(({ lane }) =>
      lane !== undefined && lane.mostAtOnce < requested && this.#options.concurrency !== undefined
        ? [
            {
              requested,
              ran: lane.mostAtOnce,
              reason: `the lane ${lane.name} allows ${lane.mostAtOnce} calls at once`,
            },
          ]
        : [],
    );
  }

  #start(lane: Lane, grant: Grant): void {
    if (this.#log === undefined) return;
    try {
      this.#log.add({
        lane: lane.name,
        account: grant.account.name,
        at: Date.now(),
        costs: lane.costsOf(grant),
      });
    } catch (error) {
      this.#parts.stop.fail(error);
    }
  }

  #lane(options: ResolvedLane): Lane {
    const share = this.#options.shard ?? ALONE;
    let shares = this.#inUse.lanes.get(options);
    if (shares === undefined) {
      shares = new Map();
      this.#inUse.lanes.set(options, shares);
    }
    const name = `${share.index}/${share.count}`;
    let lane = shares.get(name);
    if (lane === undefined) {
      lane = new Lane(options, share, Math.random);
      this.#new.add(lane);
      shares.set(name, lane);
    }
    return lane;
  }
}
