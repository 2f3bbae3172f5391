/** K4: whatever goes wrong with a source, the run rejects with HEDDLE_INPUT_SOURCE and the process lives. */

import { createReadStream } from 'node:fs';
import { createRuntime } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { BROKEN } from '../support/hostile/fixtures.js';
import { HostileHost } from '../support/hostile/host.js';
import type { HostileInput, Plan, Played, SourceSpec } from '../support/hostile/plan.js';

const host = new HostileHost();
afterAll(() => host[Symbol.asyncDispose]());

/** None of these can be iterated, which may be refused at once. */
const NO_ITERABLES = ['iteratorIsNoFunction', 'asyncIteratorIsNoFunction', 'revokedProxy', 'throwingProxy'];
const THREE: HostileInput[] = ['a', 'b', 'c'].map((value) => ({
  do: 'return',
  value: { is: 'plain', value },
}));

const play = (source: SourceSpec, plan: Partial<Plan> = {}): Promise<Played> =>
  host.play({ executor: 'inline', inputs: THREE, source, read: { by: 'iterate' }, boundMs: 4000, ...plan });

describe('K4: a source that fails before it is read rejects the run', () => {
  it.each(BROKEN)('%s', async (kind) => {
    const { refused, ended, hung, outcomes } = await play({ kind });

    const codes = NO_ITERABLES.includes(kind)
      ? ['HEDDLE_INPUT_SOURCE', 'HEDDLE_INVALID_OPTION']
      : ['HEDDLE_INPUT_SOURCE'];
    expect(codes).toContain(ended?.code ?? refused?.code);
    expect({ hung, outcomes }).toEqual({ hung: [], outcomes: [] });
  });

  it.each(['missingFile', 'destroyedInTheSameTick', 'destroyedDuplex', 'erroredWebStream'])(
    'also while threads start: %s',
    async (kind) => {
      const { ended, hung } = await play({ kind }, { executor: 'threads' });

      expect({ code: ended?.code, hung }).toEqual({ code: 'HEDDLE_INPUT_SOURCE', hung: [] });
    },
  );

  it('also when nothing of the run is read', async () => {
    const { ended, hung } = await play({ kind: 'missingFile' }, { read: { by: 'report' } });

    expect({ code: ended?.code, hung }).toEqual({ code: 'HEDDLE_INPUT_SOURCE', hung: [] });
  });

  it('also when the run is stopped before it reads', async () => {
    const { hung } = await play({ kind: 'missingFile' }, { read: { by: 'abort' } });

    expect(hung).toEqual([]);
  });

  it('names the input and the cause', async () => {
    await using runtime = createRuntime({ threads: 1 });
    const file = createReadStream('/no/such/file');
    file.on('error', () => {});

    await expect(runtime.run((line: Buffer) => line.length, file).values()).rejects.toMatchObject({
      code: 'HEDDLE_INPUT_SOURCE',
      message: expect.stringContaining('/no/such/file'),
      cause: { code: 'ENOENT' },
    });
  });
});

const KINDS = ['generator', 'asyncGenerator', 'iterator', 'asyncIterator', 'readable', 'webStream'];

describe.each(KINDS)('K4: a source that fails later: %s', (kind) => {
  it.each([0, 1, 3])('after %i inputs: those have outcomes', async (at) => {
    const { outcomes, ended, hung } = await play({ kind, fail: { at } });

    const given = outcomes.map(({ index, status }) => [index, status]);
    expect(given).toEqual(THREE.slice(0, given.length).map((_, i) => [i, 'succeeded']));
    // A Node.js stream drops what it has buffered when it is destroyed.
    if (kind !== 'readable') expect(given).toHaveLength(at);
    expect({ code: ended?.code, hung }).toEqual({ code: 'HEDDLE_INPUT_SOURCE', hung: [] });
  });

  it.each([
    { is: 'undefined' },
    { is: 'plain', value: null },
    { is: 'plain', value: 'text' },
    { is: 'revoked' },
    { is: 'error', how: 'throwingGetter' },
    { is: 'error', how: 'oddNames' },
  ])('whatever it fails with: $is $how', async (thrown) => {
    // A Node.js stream must be destroyed with something whose stack can be read.
    if (kind === 'readable' && thrown.is !== 'error' && thrown.value !== 'text') return;

    const { ended, hung } = await play({ kind, fail: { at: 1, with: thrown } });

    expect({ code: ended?.code, hung }).toEqual({ code: 'HEDDLE_INPUT_SOURCE', hung: [] });
  });
});

describe('K4: a source that lies about its length is read to its end', () => {
  const lies = ['NaN', 'negative', 'fraction', 'infinite', 'text', 'tooMany', 'tooFew'];

  it.each(lies.flatMap((lie) => [{ length: lie }, { size: lie }]))('%o', async (lie) => {
    const { outcomes, ended, hung, progress } = await play({ kind: 'generator', lies: lie });

    expect({ hung, ended }).toEqual({ hung: [], ended: undefined });
    expect(outcomes.map(({ value }) => value)).toEqual(['"a"', '"b"', '"c"']);
    const { total } = progress ?? {};
    expect(total === undefined || (Number.isSafeInteger(total) && total >= 0)).toBe(true);
  });

  it.each([{ length: 'throws' }, { size: 'throws' }])('or fails when it cannot be asked: %o', async (lie) => {
    const { outcomes, ended, refused, hung } = await play({ kind: 'generator', lies: lie });

    expect({ hung, refused }).toEqual({ hung: [], refused: undefined });
    expect([3, 'HEDDLE_INPUT_SOURCE']).toContain(ended?.code ?? outcomes.length);
  });

  it('a set whose size lies, on threads', async () => {
    const plan = { executor: 'threads', read: { by: 'outcomes' } } as const;
    const { outcomes, hung } = await play({ kind: 'set', lies: { size: 'NaN' } }, plan);

    expect({ hung, values: outcomes.map(({ value }) => value) }).toEqual({
      hung: [],
      values: ['"a"', '"b"', '"c"'],
    });
  });
});
