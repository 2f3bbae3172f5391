/**
 * A row of a table of flags. Parsing, help, completion and the test of docs/reference/cli.md are made from
 * such rows.
 */

import { InvalidArgumentError, Option } from 'commander';

/** One flag. */
export interface Flag {
  /** As commander reads it and as help shows it. */
  readonly spec: string;
  readonly help: string;
  readonly group?: string;
  readonly choices?: readonly string[];
  readonly parse?: (text: string, previous: unknown) => unknown;
  readonly conflicts?: string;
  /** Takes a file name, for completion. */
  readonly isFile?: true;
}

/** The flags of commands that only look at sessions. */
export const COMMON_FLAGS: readonly Flag[] = [
  { spec: '--verbose', help: 'stack traces of errors' },
  { spec: '--no-color', help: 'no colours (NO_COLOR does the same)' },
];

export const JSON_FLAG: Flag = { spec: '--json', help: 'as JSON' };

/** Puts flags under a heading of the help. */
export function inGroup(group: string, flags: readonly Flag[]): Flag[] {
  return flags.map((flag) => ({ ...flag, group }));
}

/** A table as commander's options. */
export function optionsOf(flags: readonly Flag[]): Option[] {
  return flags.map(({ spec, help, group, choices, parse, conflicts }) => {
    const option = new Option(spec, help);
    if (group !== undefined) option.helpGroup(group);
    if (choices !== undefined) option.argParser(oneOf(choices));
    if (parse !== undefined) option.argParser(parse);
    if (conflicts !== undefined) option.conflicts(conflicts);
    return option;
  });
}

function oneOf(choices: readonly string[]): (text: string) => string {
  return (text) => {
    if (choices.includes(text)) return text;
    throw new InvalidArgumentError(`Expected ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}.`);
  };
}
