/** Plans of hostile batches: plain data, so that they can be sent, printed and made smaller. See test/fixtures/hostile. */

import type { Progress } from 'heddle';

/** A value by its description: test/fixtures/hostile/values.mjs has the list. */
export interface ValueSpec {
  readonly is: string;
  readonly [detail: string]: unknown;
}

/** An input: what the task does, and something hostile that the input carries. */
export interface HostileInput {
  readonly do: string;
  readonly value?: ValueSpec;
  readonly carried?: ValueSpec;
  readonly [detail: string]: unknown;
}

/** A source by its description: test/fixtures/hostile/sources.mjs has the list. */
export interface SourceSpec {
  readonly kind: string;
  /** Where it fails, and how; inputs after that place are never given. */
  readonly fail?:
    | { readonly at: number; readonly how?: 'throw' | 'hang'; readonly with?: ValueSpec }
    | undefined;
  /** What it says about its own length. */
  readonly lies?: { readonly length?: string; readonly size?: string } | undefined;
}

export type Executor = 'threads' | 'inline' | 'module';

/** One batch. */
export interface Plan {
  readonly executor: Executor;
  readonly inputs: readonly HostileInput[];
  readonly source?: SourceSpec;
  /** Folder of a session. */
  readonly session?: string | undefined;
  readonly lane?: boolean;
  readonly options?: object;
  readonly runtime?: object;
  readonly threads?: number;
  readonly events?: boolean;
  readonly read?: { readonly by: string; readonly after?: number };
  /** Whatever takes longer is reported as hung. */
  readonly boundMs?: number;
}

interface PlayedFailure {
  readonly code: string;
  readonly message: string;
}

/** What a consumer saw of one outcome. */
export interface PlayedOutcome {
  readonly index: number;
  readonly status: 'succeeded' | 'failed' | 'aborted' | 'skipped';
  readonly attempts: number;
  readonly key?: string;
  /** Fingerprint of the value. */
  readonly value?: string;
  /** Fingerprint of a copy of the value, without the size of its memory. */
  readonly copy?: string;
  readonly isError?: boolean;
  readonly code?: string;
  readonly text?: string;
  /** Properties that throw when they are read. */
  readonly unreadable: readonly string[];
}

/** What came of a plan. */
export interface Played {
  readonly outcomes: readonly PlayedOutcome[];
  /** Index and status of each outcome, in the order of `onOutcome`. */
  readonly settled: readonly (readonly [number, string])[];
  /** Events by type. */
  readonly events: Readonly<Record<string, number>>;
  /** What did not end within the bound. */
  readonly hung: readonly string[];
  /** `runtime.run` threw. */
  readonly refused?: PlayedFailure;
  /** The reader rejected. */
  readonly ended?: PlayedFailure;
  readonly report?: {
    readonly status?: string;
    readonly resumed?: number;
    readonly rejected?: PlayedFailure;
  };
  readonly progress?: Progress;
  /** Bytes in buffers, with the reader `late`. */
  readonly peak?: number;
  /** Undefined for a source that cannot know. */
  readonly isReleased?: boolean;
}
