/** What a run is started with: by the runtime, once options are resolved. */

import type { Services } from '../protocol/task.js';
import type { TaskFingerprint } from '../session/manifest.js';
import type { ChunkListener, Executor } from './executor/executor.js';
import type { ThreadLoad } from './executor/thread-pool.js';
import type { ResolvedRunOptions } from './resolve-options.js';
import type { LanesInUse } from './run-lanes.js';
import type { Inputs } from './source.js';

/** The parts of one run. */
export interface RunParts {
  readonly inputs: Inputs<unknown>;
  readonly options: ResolvedRunOptions;
  readonly isInline: boolean;
  readonly makeExecutor: (listener: ChunkListener, services: Services) => Executor;
  /** Names the task function; asked only with a session or a cache. */
  readonly identify: () => TaskFingerprint;
  /** Lanes that runs of the runtime share. */
  readonly lanes: LanesInUse;
  /** Looks at the event loops of the threads and of this one. */
  readonly loads: () => readonly ThreadLoad[];
}
