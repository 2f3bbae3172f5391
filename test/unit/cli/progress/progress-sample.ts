import type { Progress } from '../../../../src/main/index.js';

export const PROGRESS: Progress = {
  total: 12_400,
  read: 8000,
  running: 8,
  waiting: 1,
  submitted: 0,
  succeeded: 7541,
  failed: 22,
  resumed: 0,
  aborted: 0,
  skipped: 0,
  retries: 3,
  elapsedMs: 18_400,
  tasksPerSecond: 412,
  remainingMs: 11_700,
};
