/** What the schedule asks of its run. */

import type { Executor } from '../executor/executor.js';
import type { Counters } from '../figures/counters.js';
import type { Gate } from '../lanes/gate.js';
import type { ChunkSize } from './chunk-size.js';
import type { Output } from './output.js';
import type { Selection } from './selection.js';
import type { Settler } from './settle.js';

/** What the schedule needs of the rest of the run. */
export interface ScheduleHost {
  executor(): Executor;
  readonly selection: Selection;
  /** Tasks of this run, if it is known. */
  total(): number | undefined;
  readonly output: Output;
  readonly settler: Settler;
  readonly counters: Counters;
  readonly chunkSize: ChunkSize;
  readonly concurrency: number;
  readonly window: number | 'auto';
  readonly graceMs: number;
  /** Where tasks wait for their lanes and locks, if the run has any; each task then travels alone. */
  gate(): Gate | undefined;
  /** True when the caller left the chunk size to heddle. */
  readonly isAdaptive: boolean;
  /** The inputs cannot be read further. */
  onSourceError(error: unknown): void;
  /** All that is left waits for providers that do not answer. */
  onGiveUp(error: Error): void;
  /** A task was left for a later run, though this one was not stopped. */
  onLeft(error: Error): void;
  /** The run cannot go on. */
  onFatal(error: unknown): void;
  /** Nothing is in flight and nothing will start any more. */
  onIdle(): void;
}
