/** Help, version, completion, and every way to use the command wrongly. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, heddle, startHeddle, tempFolder } from '../fixtures/cli/run-cli.js';

const SAME = fixture('same.js');

describe('heddle', () => {
  it('prints its version and help on standard output', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const [long, short, help, helpRun, runHelp, nothing] = await Promise.all([
      heddle(['--version']),
      heddle(['-V']),
      heddle(['help']),
      heddle(['help', 'run']),
      heddle(['run', '--help']),
      heddle([]),
    ]);

    expect(long).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
    expect(short).toEqual(long);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('run [options] <task-module> [inputs...]');
    expect(runHelp).toEqual(helpRun);
    expect(runHelp.code).toBe(0);
    expect(runHelp.stdout).toMatch(/^Examples:\n {2}heddle run .*\n {2}heddle run .*\n\nUsage: heddle run/);
    expect(runHelp.stdout).toMatch(/up to n times more: 2\s+means 3 attempts/);
    expect(nothing.code).toBe(2);
    expect(nothing.stdout).toBe('');
    expect(nothing.stderr).toContain('Usage: heddle');
  });

  it('says nothing when nobody reads its help', async () => {
    const started = startHeddle(['run', '--help']);
    started.child.stdout?.destroy();

    expect(await started.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('completes in bash, zsh and fish', async () => {
    const [bash, zsh, fish, other] = await Promise.all(
      ['bash', 'zsh', 'fish', 'cmd'].map((shell) => heddle(['completion', shell])),
    );

    expect(bash?.stdout).toContain('--max-failures');
    expect(zsh?.stdout).toContain('#compdef heddle');
    expect(fish?.stdout).toContain("-l order -x -a 'input completion'");
    expect(other?.code).toBe(2);
    execFileSync('bash', ['-n'], { input: bash?.stdout });
    const completed = (...words: string[]) =>
      execFileSync('bash', [], {
        encoding: 'utf8',
        input: `${bash?.stdout}\nCOMP_WORDS=(heddle ${words.join(' ')} '')\nCOMP_CWORD=${words.length + 1}\n_heddle\necho "\${COMPREPLY[*]}"`,
      }).trim();
    expect(completed()).toBe('run resume status results sessions verify bench http completion help');
    expect(completed('http')).toBe('call');
    expect(completed('http', 'call', 'api.x', '--output')).toBe('json ndjson pretty');
    expect(completed('results', '--status')).toBe('succeeded failed');
  });
});

describe('wrong usage is exit code 2 with one message that names the thing and the mend', () => {
  const CASES: readonly (readonly [name: string, args: readonly string[], message: string | RegExp])[] = [
    ['an unknown command', ['rnu'], "unknown command 'rnu'\n(Did you mean run?)"],
    [
      'an unknown flag',
      ['run', SAME, 'a', '--outptu', 'x'],
      "unknown option '--outptu'\n(Did you mean --output?)",
    ],
    ['no task module', ['run'], "missing required argument 'task-module'"],
    ['a missing module', ['run', 'nowhere.js', 'a'], 'the task module nowhere.js does not exist'],
    ['a module without its ending', ['run', fixture('same'), 'a'], /did you mean .*same\.js\?/],
    ['a folder as module', ['run', '.', 'a'], 'the task module . is a folder'],
    ['a module from the network', ['run', 'https://host/x.js', 'a'], 'must be a file on this machine'],
    [
      'no default function',
      ['run', fixture('no-function.js'), 'a'],
      'it exports task. Add `export default function',
    ],
    [
      'a module that throws',
      ['run', fixture('throws-at-load.js'), 'a'],
      /throws-at-load\.js.* failed while it was loaded.*cannot load/,
    ],
    ['the same inline', ['run', fixture('throws-at-load.js'), 'a', '--inline'], 'cannot load'],
    ['a missing file', ['run', SAME, '-i', 'nowhere.txt'], '-i nowhere.txt does not exist'],
    ['a folder as input', ['run', SAME, '-i', '.'], "for the files in it write --glob './*'"],
    ['stdin twice', ['run', SAME, '-i', '-', '-i', '-'], '-i - is given twice'],
    ['a glob of exclusions', ['run', SAME, '--glob', '!*.js'], 'add a pattern that takes files in'],
    [
      'an impossible concurrency',
      ['run', SAME, 'a', '-c', '0'],
      /'-c, --concurrency .* '0' is invalid\. Expected an integer from 1/,
    ],
    ['threads in words', ['run', SAME, 'a', '-t', 'many'], 'or auto'],
    ['a fraction of retries', ['run', SAME, 'a', '--retries', '1.5'], 'Expected an integer from 0'],
    [
      'a bad duration',
      ['run', SAME, 'a', '--timeout', '5x'],
      "'5x' is invalid. Expected a duration such as 500ms",
    ],
    ['a duration without a unit', ['run', SAME, 'a', '--timeout', '5'], 'It has no unit; write 5s or 5ms'],
    ['a duration beyond timers', ['run', SAME, 'a', '--deadline', '900h'], 'to 24d'],
    ['a bad limit', ['run', SAME, 'a', '--max-failures', '200%'], 'Expected a count such as 10'],
    ['two limits', ['run', SAME, 'a', '--fail-fast', '--max-failures', '3'], 'cannot be used with option'],
    ['a bad order', ['run', SAME, 'a', '--order', 'random'], 'Expected input or completion'],
    ['a bad format', ['run', SAME, 'a', '--format', 'xml'], 'Expected jsonl, json, csv or lines'],
    [
      'a bad progress mode',
      ['run', SAME, 'a', '--progress', 'fancy'],
      'Expected auto, bar, plain, json or none',
    ],
    ['too little memory', ['run', SAME, 'a', '--memory-limit', '1'], 'Expected an integer from 16'],
    ['quiet and verbose', ['run', SAME, 'a', '--quiet', '--verbose'], 'cannot be used with option'],
    ['an empty file name', ['run', SAME, 'a', '-o', ''], 'It is empty'],
  ];

  it.each(CASES)('%s', async (_name, args, message) => {
    const { code, stdout, stderr } = await heddle(args);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    if (typeof message === 'string') expect(stderr).toContain(message);
    else expect(stderr).toMatch(message);
    expect(stderr.match(/error:/g)).toHaveLength(1);
    expect(stderr).not.toContain('    at ');
  });

  it('a syntax error in the module is told with its line; --verbose shows the stack', async () => {
    using folder = tempFolder({ 'bad.mjs': 'export default (x) => {\n  return x +;\n};\n' });

    const [short, long] = await Promise.all([
      heddle(['run', 'bad.mjs', 'a'], { cwd: folder.path }),
      heddle(['run', 'bad.mjs', 'a', '--verbose'], { cwd: folder.path }),
    ]);

    expect(short.code).toBe(2);
    expect(short.stderr).toContain('bad.mjs');
    expect(short.stderr).toMatch(/bad\.mjs:2/);
    expect(short.stderr).not.toContain('    at ');
    expect(long.stderr).toContain('    at ');
  });
});
