/**
 * The examples: their task modules over real files, compared with a plain loop over the same function, and each program as
 * a process of its own, compared with the output that its header promises.
 */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRuntime, type Outcome, task } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';

type PathTask = (path: string) => unknown;

const EXAMPLES = new URL('../../examples/', import.meta.url);
const PACKAGES = ['knip', 'vitest', '@babel', 'piscina', 'csv-parse', 'tinyglobby', 'picocolors'];

const runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

function sourceFiles(): string[] {
  return PACKAGES.flatMap((name) => {
    const folder = fileURLToPath(new URL(`../../node_modules/${name}`, import.meta.url));
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));
  });
}

/** How a task ends, in a form that a loop and a run can both give. */
type Ending = { readonly value: unknown } | { readonly error: string };

function endingOf(outcome: Outcome): Ending {
  return outcome.status === 'succeeded' ? { value: outcome.value } : { error: outcome.error.message };
}

function endingOfCall(call: () => unknown): Ending {
  try {
    return { value: call() };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

async function program(name: string, ...args: string[]): Promise<string> {
  const path = fileURLToPath(new URL(name, EXAMPLES));
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args]);
  return stdout;
}

/** What the header of a program says that it prints. */
function promised(name: string): string {
  const header = readFileSync(new URL(name, EXAMPLES), 'utf8').split(' */')[0] ?? '';
  const output = header.slice(header.indexOf('\n', header.indexOf('* Prints')));
  return output.replaceAll(/^ \*(?: {3})?/gm, '').trim();
}

describe('examples', () => {
  it.each(['fingerprint.task.js', 'complexity.task.js'])(
    '%s over real files: the outcomes of a run are those of a plain loop',
    async (name) => {
      const url = new URL(name, EXAMPLES);
      const { default: call } = (await import(url.href)) as { default: PathTask };
      const files = [...sourceFiles(), fileURLToPath(new URL('./no-such-file.js', EXAMPLES))];
      expect(files.length).toBeGreaterThan(200);

      const outcomes = await runtime.run(task<PathTask>(url), files).outcomes();

      expect(outcomes.map(endingOf)).toEqual(files.map((path) => endingOfCall(() => call(path))));
      expect(outcomes.at(-1)).toMatchObject({ status: 'failed', error: { code: 'ENOENT' } });
    },
  );

  it('complexity.task.js names the place in a file that cannot be parsed', async () => {
    const path = fileURLToPath(new URL('../fixtures/tasks/syntax-error.js', import.meta.url));

    const url = new URL('complexity.task.js', EXAMPLES);
    const [outcome] = await runtime.run(task<PathTask>(url), [path]).outcomes();

    expect(outcome).toMatchObject({ status: 'failed', error: { name: 'SyntaxError' } });
    expect(outcome?.status === 'failed' && outcome.error.message).toMatch(/syntax-error\.js:\d+:\d+: /);
  });

  it('library.mjs prints the most complex files and the report', async () => {
    const output = await program('library.mjs', fileURLToPath(new URL('../../src', import.meta.url)));

    const lines = output.trim().split('\n');
    expect(lines).toHaveLength(7);
    expect(lines[0]).toMatch(/^complexity {2}functions {2}longest function +file$/);
    expect(lines[6]).toMatch(
      /^(\d+) files: \1 succeeded, 0 failed; [\d.]+ s on \d+ threads, speed-up [\d.]+$/,
    );
  });

  it.each(['services.mjs', 'transfer.mjs'])('%s prints what its header promises', async (name) => {
    const output = await program(name);

    expect(output.trim()).toBe(promised(name));
  });
});
