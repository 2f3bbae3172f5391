/** The public API of heddle. Everything else is internal. */

export {
  ERROR_CODES,
  HeddleError,
  type HeddleErrorCode,
  isHeddleError,
  OptionError,
  TasksFailedError,
} from '../protocol/errors.js';
export type { Failed, Outcome, OutcomeRecord, Succeeded, Unfinished } from '../protocol/outcome.js';
export { reviveError, type SerializedError, serializeError } from '../protocol/serialized-error.js';
export type {
  Adopted,
  Execution,
  LogLevel,
  Observation,
  RemoteServices,
  Services,
  Submitted,
  SubmittedOptions,
  TaskContext,
  TaskFunction,
  Transferable,
} from '../protocol/task.js';
export { taskKey } from '../protocol/task-key.js';
export { transfer } from '../protocol/transfer.js';
export type { Identity as SessionIdentity, RunState as SessionRunState } from '../session/manifest.js';
export type { OutcomeFilter, SessionRun, SessionStatus } from '../session/session-view.js';
export type { Clamp } from './advice.js';
export { clampText } from './advice.js';
export type { RunEvent } from './events.js';
export {
  chunkForParallel,
  executeInParallel,
  getOptimalConcurrency,
  type ParallelMetrics,
  type ParallelOptions,
  type ParallelResult,
} from './execute-in-parallel.js';
export type { ThreadLoad } from './executor/thread-pool.js';
export type { FailureGroup } from './failure-groups.js';
export type {
  AdaptiveOptions,
  BreakerOptions,
  BudgetOptions,
  Classify,
  LaneLimits,
  LaneOptions,
  LaneRetryOptions,
  Lock,
  RateOptions,
  Verdict,
} from './lanes/lane-options.js';
export type { AccountReport, LaneReport } from './lanes/lane-report.js';
export type { RetryOptions, RunOptions, RuntimeOptions, SessionOptions } from './options.js';
export type { Progress } from './progress.js';
export type { Percentiles, Report, RunStatus, WorkerReport } from './report.js';
export { Run } from './run-handle.js';
export {
  createRuntime,
  type InputOf,
  type RunOptionsFor,
  Runtime,
  type ServicesOf,
  type ValueOf,
} from './runtime.js';
export { listSessions, openSession, Session } from './session.js';
export type { Inputs } from './source.js';
export { type TaskReference, task } from './task-reference.js';
