/** The public API of heddle. Everything else is internal. */

export {
  ERROR_CODES,
  HeddleError,
  type HeddleErrorCode,
  isHeddleError,
  OptionError,
  TasksFailedError,
} from '../protocol/errors.js';
export { limitHeadersOf } from '../protocol/limit-headers.js';
export type {
  Failed,
  Outcome,
  OutcomeBase,
  OutcomeRecord,
  Succeeded,
  Unfinished,
} from '../protocol/outcome.js';
export {
  reviveError,
  type SerializedCause,
  type SerializedError,
  serializeError,
} from '../protocol/serialized-error.js';
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
export { isUnusableInput, unusableInput } from '../protocol/unusable-input.js';
export type {
  Identity as SessionIdentity,
  RunState as SessionRunState,
  TaskFingerprint,
} from '../session/manifest.js';
export type { OutcomeFilter, SessionRun, SessionStatus } from '../session/session-view.js';
export {
  chunkForParallel,
  executeInParallel,
  getOptimalConcurrency,
  type OperationKind,
  type ParallelMetrics,
  type ParallelOptions,
  type ParallelResult,
} from './api/execute-in-parallel.js';
export { Run } from './api/run-handle.js';
export {
  createRuntime,
  type InputOf,
  type RunOptionsFor,
  Runtime,
  type ServicesOf,
  type ValueOf,
} from './api/runtime.js';
export { listSessions, openSession, Session } from './api/session-handle.js';
export { type AnyTask, type TaskReference, task, type UntypedTask } from './api/task-reference.js';
export type { ThreadLoad } from './executor/threads/thread-pool.js';
export { clampText } from './figures/advice.js';
export type { Progress } from './figures/counters.js';
export type { RunEvent } from './figures/events.js';
export type { FailureGroup } from './figures/failure-groups.js';
export type { Clamp, Percentiles, Report, RunStatus, WorkerReport } from './figures/report.js';
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
export type { AccountReport, HeldBy, LaneReport } from './lanes/lane-report.js';
export type { BreakerState } from './lanes/limits/breaker.js';
export type { RetryOptions, RunOptions, RuntimeOptions, SessionOptions } from './options/options.js';
export type { Inputs } from './run/source.js';
