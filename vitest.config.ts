/**
 * Test projects. `unit` and `property` import TypeScript sources; `integration` imports the built package by its own name,
 * because a worker thread cannot be started from TypeScript sources; `types` only type-checks.
 *
 * Timeouts are there to end a test that hangs, so they are far longer than a test takes on a busy machine.
 */

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const built = './test/support/build-once.ts';

export default defineConfig({
  test: {
    // By default one file at a time on two cores. Most tests wait for processes and threads, so two keep both cores busy.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 30_000,
          // Files share the modules that they import, which take longer to load than the tests to run.
          isolate: false,
        },
      },
      {
        test: {
          name: 'property',
          include: ['test/property/**/*.test.ts'],
          globalSetup: built,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: built,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'session',
          include: ['test/session/**/*.test.ts'],
          globalSetup: built,
          // The soak enumerates every state of a crash.
          testTimeout: process.env['HEDDLE_SOAK'] === '1' ? 900_000 : 120_000,
        },
      },
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup: built,
          testTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'types',
          include: [],
          globalSetup: built,
          typecheck: {
            enabled: true,
            include: ['test/types/**/*.test-d.ts'],
            tsconfig: './tsconfig.check.json',
          },
        },
      },
    ],
  },
});
