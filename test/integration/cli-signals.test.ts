/** Ctrl-C and its relatives: the first drains, the second stops, and the shell sees the signal. */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, jsonLines, type Started, startHeddle, tempFolder } from '../fixtures/cli/run-cli.js';

const WAIT = fixture('wait.js');

describe.runIf(process.platform !== 'win32')('a signal', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s lets running tasks finish, starts none, and is raised again',
    async (name) => {
      using folder = tempFolder();
      const started = startHeddle(['run', WAIT, '800', '60000', '60000', '-t', '1', '-o', 'out.jsonl'], {
        cwd: folder.path,
      });
      await started.said('started 800');

      started.child.kill(name);
      const { code, signal, stderr } = await started.ended;

      expect({ code, signal }).toEqual({ code: null, signal: name });
      expect(stderr).toContain('Stopping: 1 running task finishes (Ctrl-C again to stop now)');
      expect(stderr).toContain(`The run was stopped by ${name}`);
      expect(stderr).toContain('1 succeeded');
      const statuses = jsonLines(readFileSync(folder.at('out.jsonl'), 'utf8')).map(({ status }) => status);
      expect(statuses[0]).toBe('succeeded');
      expect(statuses.slice(1).every((status) => status === 'skipped')).toBe(true);
      expect(readdirSync(folder.path)).toEqual(['.heddle', 'out.jsonl']);
    },
  );

  it('that comes twice aborts what runs', async () => {
    const started = await interrupted();

    started.child.kill('SIGINT');
    const { signal, stdout, stderr } = await started.ended;

    expect(signal).toBe('SIGINT');
    expect(stderr).toContain('Stopping now');
    expect(jsonLines(stdout)[0]).toMatchObject({ status: 'aborted' });
  });

  it('that comes three times ends the process on the spot and leaves no file but the session', async () => {
    using folder = tempFolder({
      'deaf.mjs':
        'export default (x, { signal }) => { signal.aborted; console.error("started"); return new Promise((r) => setTimeout(r, 60000)); };',
    });
    const started = startHeddle(['run', 'deaf.mjs', 'a', '-o', 'out.jsonl'], { cwd: folder.path });
    await started.said('started');
    started.child.kill('SIGINT');
    await started.said('Stopping: ');
    started.child.kill('SIGINT');
    await started.said('Stopping now');

    started.child.kill('SIGINT');
    const { signal } = await started.ended;

    expect(signal).toBe('SIGINT');
    expect(readdirSync(folder.path)).toEqual(['.heddle', 'deaf.mjs']);
  });

  it('waits for running tasks no longer than --grace', async () => {
    const started = startHeddle(['run', WAIT, '60000', '--grace', '100ms']);
    await started.said('started 60000');

    started.child.kill('SIGINT');
    const { signal, stdout } = await started.ended;

    expect(signal).toBe('SIGINT');
    expect(jsonLines(stdout)[0]).toMatchObject({ status: 'aborted' });
  });

  it('ends a run that waits for standard input', async () => {
    const started = startHeddle(['run', WAIT, '-i', '-', '--progress', 'json']);
    await started.said('run-started');

    started.child.kill('SIGINT');
    const { signal, stderr } = await started.ended;

    expect(signal).toBe('SIGINT');
    expect(jsonLines(stderr).at(-1)).toMatchObject({
      type: 'run-ended',
      summary: { exit: { signal: 'SIGINT' } },
    });
  });
});

async function interrupted(): Promise<Started> {
  const started = startHeddle(['run', WAIT, '60000']);
  await started.said('started 60000');
  started.child.kill('SIGINT');
  await started.said('Stopping: ');
  return started;
}
