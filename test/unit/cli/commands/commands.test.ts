/** The table of commands against its documentation. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../../src/cli/commands/commands.js';
import { fullName } from '../../../../src/cli/shell/command-row.js';

describe('docs/reference/cli.md', () => {
  const docs = readFileSync(new URL('../../../../docs/reference/cli.md', import.meta.url), 'utf8');
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
    const [, named = ''] = /flags of `heddle run` except ([^.]*?)\./s.exec(sectionOf('resume')) ?? [];

    expect([...named.matchAll(/`(-[^`]+)`/g)].map(([, flag]) => flag).sort()).toEqual(
      missing.map((spec) => spec.split(/[ ,]/)[0]).sort(),
    );
    for (const name of COMMANDS.map(fullName)) expect(docs).toMatch(new RegExp(`^heddle ${name} `, 'm'));
  });
});
