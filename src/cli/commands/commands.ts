/** All commands, in the order of help. */

import type { CommandRow } from '../shell/command-row.js';
import { BENCH } from './bench/bench-row.js';
import { HTTP_CALL } from './http-call/http-call-row.js';
import { RESULTS } from './results/results-row.js';
import { RESUME } from './resume/resume-row.js';
import { RUN } from './run/run-row.js';
import { SESSIONS } from './sessions/sessions-row.js';
import { STATUS } from './status/status-row.js';
import { VERIFY } from './verify/verify-row.js';

export const COMMANDS: readonly CommandRow[] = [
  RUN,
  RESUME,
  STATUS,
  RESULTS,
  SESSIONS,
  VERIFY,
  BENCH,
  HTTP_CALL,
];
