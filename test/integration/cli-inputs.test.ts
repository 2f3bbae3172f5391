/** Where inputs come from and in what form: arguments, globs, files, standard input. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, heddle, jsonLines, tempFolder } from '../fixtures/cli/run-cli.js';

const SAME = fixture('same.js');

async function inputsOf(args: readonly string[], options: Parameters<typeof heddle>[1] = {}) {
  const ended = await heddle(['run', SAME, '--values', '--quiet', '-t', '1', ...args], options);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return jsonLines(ended.stdout).map(({ input }) => input);
}

describe('heddle run reads inputs', () => {
  it('from arguments, globs and files, in this order', async () => {
    using folder = tempFolder({ 'b.dat': '', 'a.dat': '', 'x.dat': '', 'more.txt': 'line 1\nline 2\n' });

    const inputs = await inputsOf(
      ['-i', 'more.txt', '--glob', '*.dat', '--glob', '!x.*', 'first', 'second'],
      {
        cwd: folder.path,
      },
    );

    expect(inputs).toEqual(['first', 'second', 'a.dat', 'b.dat', 'line 1', 'line 2']);
  });

  it('of every format, told by the name or by --format', async () => {
    using folder = tempFolder({
      'a.jsonl': '{"n":1}\n"two"\n3\nnull\n',
      'a.NDJSON': '[1]\n',
      'a.json': '[{"n":1}, "two",\n 3]',
      'a.csv': 'id,name\n1,"Ann, B"\n2,"x\ny"\n',
      'a.txt': '{"n":1}\n',
    });
    const options = { cwd: folder.path };

    const [jsonl, ndjson, json, csv, lines, forced] = await Promise.all([
      inputsOf(['-i', 'a.jsonl'], options),
      inputsOf(['-i', 'a.NDJSON'], options),
      inputsOf(['-i', 'a.json'], options),
      inputsOf(['-i', 'a.csv'], options),
      inputsOf(['-i', 'a.txt'], options),
      inputsOf(['-i', 'a.txt', '--format', 'jsonl'], options),
    ]);

    expect(jsonl).toEqual([{ n: 1 }, 'two', 3, null]);
    expect(ndjson).toEqual([[1]]);
    expect(json).toEqual([{ n: 1 }, 'two', 3]);
    expect(csv).toEqual([
      { id: '1', name: 'Ann, B' },
      { id: '2', name: 'x\ny' },
    ]);
    expect(lines).toEqual(['{"n":1}']);
    expect(forced).toEqual([{ n: 1 }]);
  });

  it('with byte order marks, CRLF, empty lines and no line feed at the end', async () => {
    using folder = tempFolder({
      'a.jsonl': '\ufeff{"n":1}\r\n\r\n   \r\n{"n":2}',
      'a.txt': '\ufeffone\r\n\r\ntwo words \r\nthree',
      'a.csv': '\ufeffid,name\r\n1,Ann\r\n\r\n2,Bob',
      'a.json': '\ufeff[1]\r\n',
    });
    const options = { cwd: folder.path };

    const [jsonl, lines, csv, json] = await Promise.all([
      inputsOf(['-i', 'a.jsonl'], options),
      inputsOf(['-i', 'a.txt'], options),
      inputsOf(['-i', 'a.csv'], options),
      inputsOf(['-i', 'a.json'], options),
    ]);

    expect(jsonl).toEqual([{ n: 1 }, { n: 2 }]);
    expect(lines).toEqual(['one', 'two words ', 'three']);
    expect(csv).toEqual([
      { id: '1', name: 'Ann' },
      { id: '2', name: 'Bob' },
    ]);
    expect(json).toEqual([1]);
  });

  it('from standard input, with and without -i -', async () => {
    const [asked, silent, json, csv] = await Promise.all([
      inputsOf(['-i', '-', 'first'], { input: 'a\nb' }),
      inputsOf([], { input: 'a\nb\n' }),
      inputsOf(['--format', 'json'], { input: '[1,2]' }),
      inputsOf(['--format', 'csv'], { input: 'id\n7\n' }),
    ]);

    expect(asked).toEqual(['first', 'a', 'b']);
    expect(silent).toEqual(['a', 'b']);
    expect(json).toEqual([1, 2]);
    expect(csv).toEqual([{ id: '7' }]);
  });

  it('of a hundred thousand lines, in order and complete', async () => {
    using folder = tempFolder();
    const count = 100_000;
    writeFileSync(
      folder.at('many.jsonl'),
      Array.from({ length: count }, (_, n) => `{"n":${n},"text":"zażółć ${n}"}`).join('\n'),
    );

    const ended = await heddle(
      ['run', fixture('same.js'), '-i', folder.at('many.jsonl'), '-o', folder.at('out.jsonl'), '--key', 'n'],
      { cwd: folder.path },
    );

    expect(ended.code).toBe(0);
    const lines = jsonLines(readFileSync(folder.at('out.jsonl'), 'utf8'));
    expect(lines).toHaveLength(count);
    expect(
      lines.every((line, n) => line.index === n && line.key === `${n}` && line.value.input.n === n),
    ).toBe(true);
    expect(lines.at(-1).value.input.text).toBe('zażółć 99999');
  });

  it('that are not there: an empty batch is a success and says so', async () => {
    using folder = tempFolder({ 'empty.jsonl': '' });

    const [file, stdin, glob] = await Promise.all([
      heddle(['run', SAME, '-i', folder.at('empty.jsonl'), '-o', folder.at('out.jsonl')]),
      heddle(['run', SAME, '-i', '-']),
      heddle(['run', SAME, '--glob', 'no-such-*'], { cwd: folder.path }),
    ]);

    for (const { code, stdout, stderr } of [file, stdin, glob]) {
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(stderr).toContain('Nothing to do: there are no inputs.');
    }
    expect(glob.stderr).toContain('no file matches --glob no-such-*');
    expect(readFileSync(folder.at('out.jsonl'), 'utf8')).toBe('');
  });
});

describe('a malformed input', () => {
  const USAGE = { code: 2, stdout: '' };

  it('in a file is refused with file, line, column and reason, before anything runs', async () => {
    using folder = tempFolder({
      'a.jsonl': '{"n":1}\n\n{"n":}\n{"n":3}\n{"n"\n',
      'a.json': '[1,\n 2 3]',
      'object.json': '{"n":1}',
      'a.csv': 'id,name\n1,Ann\n2\n',
      'twice.csv': 'id,id\n1,2\n',
      'latin.txt': new Uint8Array([0x61, 0x0a, 0xe9, 0x0a]),
      'lines.json': '{"n":1}\n{"n":2}\n',
    });
    const run = (file: string) => heddle(['run', SAME, '-i', file, '-o', 'out.jsonl'], { cwd: folder.path });

    const [jsonl, json, object, csv, twice, latin, lines] = await Promise.all([
      run('a.jsonl'),
      run('a.json'),
      run('object.json'),
      run('a.csv'),
      run('twice.csv'),
      run('latin.txt'),
      run('lines.json'),
    ]);

    expect(jsonl).toMatchObject(USAGE);
    expect(jsonl.stderr).toContain('a.jsonl:3:6: not JSON: expected a value, found "}": {"n":}');
    expect(jsonl.stderr).toContain('a.jsonl:5:5: not JSON: expected ":", found the end: {"n"');
    expect(json).toMatchObject(USAGE);
    expect(json.stderr).toContain('a.json:2:4: not JSON: expected "," or "]", found "3"');
    expect(object).toMatchObject(USAGE);
    expect(object.stderr).toContain('object.json: expected a JSON array');
    expect(csv).toMatchObject(USAGE);
    expect(csv.stderr).toContain('a.csv:3: not CSV');
    expect(twice).toMatchObject(USAGE);
    expect(twice.stderr).toContain('twice.csv:1: the header names "id" twice');
    expect(latin).toMatchObject(USAGE);
    expect(latin.stderr).toContain('latin.txt:2: not UTF-8');
    expect(lines.stderr).toContain('--format jsonl');
    for (const { stderr } of [jsonl, json, object, csv, twice, latin])
      expect(stderr).not.toContain('    at ');
    expect(() => readFileSync(folder.at('out.jsonl'))).toThrow('ENOENT');
  });

  it('on standard input is the failure of that task, in its place; the others run', async () => {
    const input = '{"n":1}\n{"n":\n\n{"n":2}\nnope\n{"n":4}';

    const ended = await heddle(['run', SAME, '-i', '-', '--format', 'jsonl'], { input });

    expect(ended.code).toBe(1);
    const lines = jsonLines(ended.stdout);
    expect(lines.map(({ index, status }) => [index, status])).toEqual([
      [0, 'succeeded'],
      [1, 'failed'],
      [2, 'succeeded'],
      [3, 'failed'],
      [4, 'succeeded'],
    ]);
    expect(lines.map(({ value }) => value?.input?.n)).toEqual([1, undefined, 2, undefined, 4]);
    expect(lines[1].error).toMatchObject({
      code: 'HEDDLE_BAD_INPUT',
      message: 'stdin:2:6: not JSON: expected a value, found the end',
      fields: { line: 2, text: '{"n":' },
    });
    expect(lines[1].key).toMatch(/^[\da-f]{32}$/);
    expect(ended.stderr).toContain('3 succeeded   2 failed');
    expect(ended.stderr).toMatch(/1× HeddleError \[HEDDLE_BAD_INPUT\]: stdin:2:6: .*\(input \{"n":\)/);
    expect(ended.stderr).toMatch(/1× HeddleError \[HEDDLE_BAD_INPUT\]: stdin:5:1: .*\(input nope\)/);
  });

  it('on standard input counts for --fail-fast, and thousands of them are bounded', async () => {
    const [fast, many] = await Promise.all([
      heddle(['run', SAME, '-i', '-', '--format', 'jsonl', '--fail-fast'], { input: 'nope\n{"n":1}\n' }),
      heddle(['run', SAME, '-i', '-', '--format', 'jsonl', '--quiet'], {
        input: `1\n${'nope\n'.repeat(20_000)}2\n`,
      }),
    ]);

    expect(fast.code).toBe(1);
    expect(fast.stderr).toContain('more than the 0 allowed');
    const lines = jsonLines(many.stdout);
    expect(many.code).toBe(1);
    expect(lines).toHaveLength(20_002);
    expect(lines.every(({ index }, i) => index === i)).toBe(true);
    expect(lines.at(-1).value.input).toBe(2);
  });
});

describe('--key', () => {
  it('names tasks by a field or a template', async () => {
    using folder = tempFolder({
      'a.jsonl': '{"host":"a","path":{"x":"b"}}\n{"host":"c","path":{"x":"d"}}\n',
    });
    const run = (key: string, ...args: string[]) => heddle(['run', SAME, '--key', key, '--quiet', ...args]);

    const [field, template, whole] = await Promise.all([
      run('path.x', '-i', folder.at('a.jsonl')),
      run('{host}/{path.x}', '-i', folder.at('a.jsonl')),
      run('file-{}', 'p', 'q'),
    ]);

    expect(jsonLines(field.stdout).map(({ key, value }) => [key, value.key])).toEqual([
      ['b', 'b'],
      ['d', 'd'],
    ]);
    expect(jsonLines(template.stdout).map(({ key }) => key)).toEqual(['a/b', 'c/d']);
    expect(jsonLines(whole.stdout).map(({ key }) => key)).toEqual(['file-p', 'file-q']);
  });

  it('that is missing or given twice is refused, naming the lines', async () => {
    using folder = tempFolder({
      'a.jsonl': '{"id":"x"}\n{"id":"y"}\n\n{"id":"x"}\n',
      'b.jsonl': '{"name":"x"}\n',
    });
    const run = (...args: string[]) => heddle(['run', SAME, ...args], { cwd: folder.path });

    const [twice, missing, text, open, stream] = await Promise.all([
      run('--key', 'id', '-i', 'a.jsonl'),
      run('--key', 'id', '-i', 'b.jsonl'),
      run('--key', 'id', 'an argument'),
      run('--key', '{id', '-i', 'a.jsonl'),
      heddle(['run', SAME, '--key', 'id', '--format', 'jsonl', '-i', '-'], {
        input: '{"id":1}\n{"id":1}\n{}\n{"id":2}\n',
      }),
    ]);

    expect(twice).toMatchObject({ code: 2, stdout: '' });
    expect(twice.stderr).toContain('a.jsonl:1 and a.jsonl:4 have the same key "x"');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('b.jsonl:1: the input has no field "id" for --key; it has: name');
    expect(text.code).toBe(2);
    expect(text.stderr).toContain('argument 1: the input is not an object');
    expect(open.code).toBe(2);
    expect(open.stderr).toContain('a bracket is not closed');
    expect(stream.code).toBe(1);
    expect(jsonLines(stream.stdout).map(({ error }) => error?.code)).toEqual([
      undefined,
      'HEDDLE_DUPLICATE_KEY',
      'HEDDLE_INVALID_KEY',
      undefined,
    ]);
  });
});

describe('--dry-run', () => {
  it('checks everything, shows what would run, and runs nothing', async () => {
    using folder = tempFolder({
      'a.jsonl': '{"id":1}\n{"id":2}\n{"id":3}\n{"id":4}\n{"id":5}\n{"id":6}\n{"id":7}\n',
    });
    mkdirSync(folder.at('sub'));

    const [good, bad] = await Promise.all([
      heddle(['run', fixture('fails.js'), '-i', folder.at('a.jsonl'), '--key', 'id', '--dry-run', '-t', '3']),
      heddle(['run', fixture('fails.js'), '-i', folder.at('sub'), '--dry-run']),
    ]);

    expect(good.code).toBe(0);
    expect(good.stdout).toContain('would run 7 tasks');
    expect(good.stdout).toContain('3 threads, concurrency 3');
    expect(good.stdout).toContain('  4  5  {"id":5}');
    expect(good.stdout).toContain('and 2 more');
    expect(good.stdout).not.toContain('{"id":6}');
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('is a folder');
  });

  it('counts what would run: neither bad rows of a stream nor inputs that are shown are more to come', async () => {
    const { code, stdout, stderr } = await heddle(
      ['run', fixture('fails.js'), '-i', '-', '--format', 'jsonl', '--dry-run', '-t', '1'],
      { input: '1\nbad\n2\n' },
    );

    expect(code).toBe(0);
    expect(stdout).toContain('would run 2 tasks');
    expect(stdout.trimEnd()).toMatch(/ {2}0 {2}1\n {2}1 {2}2$/);
    expect(stderr).toContain('1 input cannot be used; each would be a failed task');
  });
});
