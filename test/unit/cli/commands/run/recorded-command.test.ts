/** The command that a session records. */

import { describe, expect, it } from 'vitest';
import {
  mergeFlags,
  readCommand,
  recordCommand,
} from '../../../../../src/cli/commands/run/recorded-command.js';
import type { RunFlags } from '../../../../../src/cli/commands/run/run-flags.js';

describe('the recorded command', () => {
  const flags: RunFlags = { color: true, output: 'out.jsonl', threads: 2, quiet: true, retryFailed: true };

  it('keeps what another run needs, and not what belongs to one command line', () => {
    const command = recordCommand('/w/t.js', ['a'], flags, '/w');

    expect(readCommand(JSON.parse(JSON.stringify(command)), 's')).toEqual({
      v: 1,
      cwd: '/w',
      module: '/w/t.js',
      args: ['a'],
      flags: { output: 'out.jsonl', threads: 2 },
    });
    expect(recordCommand('/w/t.js', [], { ...flags, shard: { index: 1, count: 2 } }, '/w').flags).toEqual({
      threads: 2,
    });
  });

  it('gives way to what is given now; paths are those of the present folder', () => {
    const command = recordCommand('/w/t.js', [], { ...flags, failFast: true }, '/w');

    expect(mergeFlags(command, { color: false, failedOut: 'f.jsonl', maxFailures: 3 }, '/now')).toEqual({
      color: false,
      output: 'out.jsonl',
      threads: 2,
      failedOut: '/now/f.jsonl',
      maxFailures: 3,
    });
  });

  it('is refused when there is none, or one that is not understood; strange flags are dropped', () => {
    expect(() => readCommand(undefined, 's')).toThrow('was made by a program');
    for (const wrong of [{}, { v: 2 }, 'text', { v: 1, cwd: '/', module: 7, args: [], flags: {} }])
      expect(() => readCommand(wrong, 's')).toThrow('does not understand');
    const strange = { output: {}, values: 'yes', input: 'x', glob: ['*'], session: '/etc', nonsense: 1 };
    expect(readCommand({ v: 1, cwd: '/', module: '/m', args: [], flags: strange }, 's').flags).toEqual({
      glob: ['*'],
    });
  });
});
