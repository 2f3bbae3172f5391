/**
 * Test projects. `unit` and `property` import TypeScript sources; `integration` imports the built package by its own name,
 * because a worker thread cannot be started from TypeScript sources; `types` only type-checks.
 */

import { defineConfig } from 'vitest/config';

const built = './test/support/build-once.ts';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      { test: { name: 'property', include: ['test/property/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: built,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'session',
          include: ['test/session/**/*.test.ts'],
          globalSetup: built,
          testTimeout: 120_000,
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
