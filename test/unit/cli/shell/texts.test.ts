/** Durations, keys, places in JSON, lines, the bar: the parts of the command that are functions of their arguments. */

import { readFileSync } from 'node:fs';
import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../../src/cli/commands/commands.js';
import { mergeFlags, readCommand, recordCommand } from '../../../../src/cli/commands/run/recorded-command.js';
import type { RunFlags } from '../../../../src/cli/commands/run/run-flags.js';
import { placeOf, quote } from '../../../../src/cli/commands/sessions/place.js';
import { findJsonProblem, lineAndColumn } from '../../../../src/cli/inputs/json-place.js';
import { LineSplitter } from '../../../../src/cli/inputs/lines.js';
import { barLine } from '../../../../src/cli/progress/bar-line.js';
import { PlainDisplay } from '../../../../src/cli/progress/plain.js';
import { unwrapFailedInput, wrapFailedInput } from '../../../../src/cli/results/failed-input.js';
import { fullName } from '../../../../src/cli/shell/command-row.js';
import { parseKey } from '../../../../src/cli/shell/keys.js';
import type { Progress } from '../../../../src/main/index.js';
import { formatCount, formatDuration, formatRate, parseDuration } from '../../../../src/text/durations.js';
import { brief, clean } from '../../../../src/text/shown-text.js';

const PROGRESS: Progress = {
  total: 12_400,
  read: 8000,
  running: 8,
  waiting: 1,
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

describe('durations', () => {
  it('are numbers with a unit', () => {
    expect(['500ms', '5s', '1.5m', '1h', '2d', '0', ' 5 s '].map(parseDuration)).toEqual([
      500, 5000, 90_000, 3_600_000, 172_800_000, 0, 5000,
    ]);
    expect(['5', '5x', '', '-1s', '1e3ms', 's'].map(parseDuration)).toEqual(Array(6).fill(undefined));
  });

  it('and counts read well', () => {
    expect([0.4, 5.25, 350, 999.4, 12_340, 59_960, 125_000, 3_725_000].map(formatDuration)).toEqual([
      '400 µs',
      '5.3 ms',
      '350 ms',
      '999 ms',
      '12.3 s',
      '1 min 0 s',
      '2 min 5 s',
      '1 h 2 min',
    ]);
    expect([1, 1000, 1_234_567].map(formatCount)).toEqual(['1', '1 000', '1 234 567']);
    expect([0.25, 3.14, 4120].map(formatRate)).toEqual(['0.25/s', '3.1/s', '4 120/s']);
  });
});

describe('the key of an input', () => {
  it('is a field, a path, a template or the input', () => {
    const input = { id: 7, owner: { id: 'ann' }, 'a.b': 'dotted' };

    expect(parseKey('id')(input)).toBe('7');
    expect(parseKey('owner.id')(input)).toBe('ann');
    expect(parseKey('a.b')(input)).toBe('dotted');
    expect(parseKey('{owner.id}/{id}!')(input)).toBe('ann/7!');
    expect(parseKey('x-{}')('input')).toBe('x-input');
  });

  it('is refused when it is missing, empty or no text', () => {
    expect(() => parseKey('id')({ name: 1 })).toThrow('the input has no field "id" for --key; it has: name');
    expect(() => parseKey('id')({ id: '' })).toThrow('is empty');
    expect(() => parseKey('id')({ id: {} })).toThrow('is no string or number');
    expect(() => parseKey('constructor')({})).toThrow('has no field');
    expect(() => parseKey('{}')({})).toThrow('{} needs an input that is a string or number');
    expect(() => parseKey('id}')).toThrow('a bracket is not closed');
  });
});

describe('a place in JSON', () => {
  it.each([
    ['{"a":1,}', 7, 'expected a name in double quotes, found "}"'],
    ['[1,]', 3, 'expected a value, found "]"'],
    ['[1', 2, 'expected "," or "]", found the end'],
    ['{"a" 1}', 5, 'expected ":", found "1"'],
    ['', 0, 'expected a value, found the end'],
    ['1 2', 2, 'expected the end of the text, found "2"'],
    ['"abc', 4, 'a string that does not end'],
    ['"a\\x"', 2, 'a bad escape in a string'],
    ['"a\nb"', 2, 'a line break or control character in a string'],
    ['[{"a":[1,{"b":tru}]}]', 14, 'expected a value, found "t"'],
    ["{'a':1}", 1, 'expected a name in double quotes, found "\'"'],
  ])('of %j is found', (text, at, reason) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(findJsonProblem(text)).toEqual({ reason, at });
  });

  it('is not found in what is JSON, however deep', () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    for (const text of ['{}', ' [ ] ', '{"a":[1,-2.5e3,{}],"b":{"c":[]}}', '"\\u00e9"', 'null', deep])
      expect(findJsonProblem(text)).toBeUndefined();
    expect(findJsonProblem(deep.slice(0, -1))).toEqual({
      reason: 'expected "," or "]", found the end',
      at: deep.length - 1,
    });
  });

  it('is a line and a column', () => {
    expect(lineAndColumn('ab\ncd', 0)).toEqual({ line: 1, column: 1 });
    expect(lineAndColumn('ab\ncd', 4)).toEqual({ line: 2, column: 2 });
  });
});

describe('lines', () => {
  it('are the same wherever blocks are cut', () => {
    const bytes = Buffer.from('\ufeffzażółć\r\n\n€uro\nlast');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const splitter = new LineSplitter();
      const lines = [bytes.subarray(0, cut), bytes.subarray(cut)].flatMap((block) => splitter.push(block));
      expect([...lines, ...splitter.end()]).toEqual(['zażółć', '', '€uro', 'last']);
    }
  });

  it('that are not UTF-8 do no harm to their neighbours', () => {
    const splitter = new LineSplitter();

    expect(splitter.push(Buffer.from([0x61, 10, 0xff, 10, 0x62, 13, 10]))).toEqual(['a', undefined, 'b']);
    expect(splitter.end()).toEqual([]);
  });
});

describe('a failed input', () => {
  it('is itself again after writing and reading, also the second time', () => {
    const error = Object.assign(new Error('boom'), { code: 'E' });
    for (const input of [
      { a: 1 },
      { error: 'own', a: 1 },
      { error: { heddle: 'else' } },
      {},
      'x',
      1,
      null,
      [1],
    ]) {
      const once = unwrapFailedInput(JSON.parse(wrapFailedInput(input, error, 1)));
      expect(once).toEqual(input);
      expect(unwrapFailedInput(JSON.parse(wrapFailedInput(once, error, 2)))).toEqual(input);
    }
    expect(JSON.parse(wrapFailedInput({ a: 1 }, error, 2))).toEqual({
      a: 1,
      error: { name: 'Error', message: 'boom', code: 'E', attempts: 2, heddle: 'failed-out' },
    });
    expect(wrapFailedInput(JSON.parse('{"__proto__":1}'), error, 1)).toContain('"__proto__":1');
  });
});

describe('the bar', () => {
  const style = { label: 'hash.js', labelWidth: 7, colors: picocolors.createColors(false), isUnicode: true };

  it('shows everything where there is space', () => {
    const line = barLine(PROGRESS, 120, style);

    expect(line).toContain('hash.js');
    expect(line).toMatch(/60 % {2}7 563\/12 400 {2}412\/s {2}22 failed {2}1 retrying {2}ETA 11 s {2}18 s$/);
  });

  it('never takes more than the width, and lets the least important go first', () => {
    for (let width = 10; width < 140; width++) {
      const line = barLine(PROGRESS, width, style);
      expect(stringWidth(line)).toBeLessThanOrEqual(width);
      expect(line).toContain('60 %');
    }
    expect(barLine(PROGRESS, 45, style)).toContain('22 failed');
    expect(barLine(PROGRESS, 45, style)).not.toContain('retrying');
  });

  it('shows counts alone when the total is not known', () => {
    const line = barLine({ ...PROGRESS, total: undefined, remainingMs: undefined }, 80, style);

    expect(line).toBe('hash.js  7 563 done  412/s  22 failed  1 retrying  18 s');
  });

  it('needs no Unicode', () => {
    const line = barLine(PROGRESS, 100, { ...style, isUnicode: false });

    expect(line).toMatch(/^[\u0020-\u007e]+$/);
    expect(line).toContain('###');
  });
});

describe('plain progress', () => {
  it('is a line for each tenth or 30 s, at most one a second', () => {
    const lines: string[] = [];
    let now = 0;
    const display = new PlainDisplay(
      'x.js',
      (text) => lines.push(text),
      () => now,
    );
    display.starting();
    display.running({ total: 1000, threads: 2, concurrency: undefined, isInline: false, from: '' });
    for (let done = 0; done <= 1000; done++) {
      now += done < 500 ? 10 : 1000;
      display.update({
        ...PROGRESS,
        total: 1000,
        succeeded: done,
        failed: 0,
        waiting: 0,
        remainingMs: undefined,
      });
    }

    expect(lines.slice(0, 4)).toEqual([
      'x.js: 1 000 tasks, 2 threads',
      'x.js: 10 %, 100 of 1 000, 412/s',
      'x.js: 20 %, 200 of 1 000, 412/s',
      'x.js: 30 %, 300 of 1 000, 412/s',
    ]);
    expect(lines.slice(5, 8)).toEqual([
      'x.js: 50 %, 500 of 1 000, 412/s',
      'x.js: 53 %, 530 of 1 000, 412/s',
      'x.js: 56 %, 560 of 1 000, 412/s',
    ]);
    expect(lines.some((line) => line.includes('100 %'))).toBe(false);
  });
});

describe('text from outside', () => {
  it('cannot steer the terminal', () => {
    expect(clean('a\u001b[31mb\u0007\r\nc\u202e\td\u009b')).toBe('a\\x1b[31mb\\x07\\x0d\nc\\u202e\td\\x9b');
    expect(brief(`two\nlines ${'x'.repeat(100)}`, 20)).toBe(`two lines ${'x'.repeat(9)}…`);
  });
});

describe('docs/cli.md', () => {
  const docs = readFileSync(new URL('../../../../docs/cli.md', import.meta.url), 'utf8');
  const flagsIn = (text: string) =>
    [...text.matchAll(/^\| `(-[^`]+)` \|/gm)].map(([, spec]) => spec?.replaceAll('\\|', '|'));
  /** The part below the heading of a command, down to the next heading. */
  const sectionOf = (name: string) =>
    new RegExp(`^##+ (?:Flags of )?\`heddle ${name}\`$(.*?)(?=^#)`, 'ms').exec(docs)?.[1] ?? '';

  const specsOf = (name: string) =>
    COMMANDS.find((row) => fullName(row) === name)?.flags.map(({ spec }) => spec) ?? [];

  it.each(COMMANDS.map(fullName).filter((name) => name !== 'resume'))(
    'names every flag of heddle %s, and no other',
    (name) => {
      expect(flagsIn(sectionOf(name)).sort()).toEqual(specsOf(name).sort());
    },
  );

  it('names the flags of heddle run that heddle resume does not take, and every command', () => {
    const resume = specsOf('resume');
    const missing = specsOf('run').filter((spec) => !resume.includes(spec));
    const [, named = ''] = /but for those of inputs \(([^.;]*?);/s.exec(sectionOf('resume')) ?? [];

    expect([...named.matchAll(/`(-[^`]+)`/g)].map(([, flag]) => flag).sort()).toEqual(
      missing.map((spec) => spec.split(/[ ,]/)[0]).sort(),
    );
    for (const name of COMMANDS.map(fullName)) expect(docs).toMatch(new RegExp(`^heddle ${name} `, 'm'));
  });
});

describe('a session on the command line', () => {
  it('is a name, or a folder when it has a slash or starts with a dot', () => {
    const paths = ['nightly', '2026-11-21-0634-x', './here', '../there', 'a/b', '/abs', '.'].map(
      (text) => placeOf(text, '/w').path,
    );

    expect(paths).toEqual([
      '/w/.heddle/sessions/nightly',
      '/w/.heddle/sessions/2026-11-21-0634-x',
      '/w/here',
      '/there',
      '/w/a/b',
      '/abs',
      '/w',
    ]);
  });

  it.each(['a/../../b', 'nightly/..', '-x', 'a b', 'a\\b', 'ü', 'x\0', '$(x)', '', 'x'.repeat(101)])(
    'that is neither is refused: %j',
    (text) => {
      expect(() => placeOf(text, '/w')).toThrow('is no name of a session');
    },
  );

  it('is written so that a shell takes it as one word', () => {
    expect(['a-1', './b c', "it's"].map(quote)).toEqual(['a-1', "'./b c'", "'it'\\''s'"]);
  });
});

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
