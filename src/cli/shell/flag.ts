/**
 * A row of a table of flags. Parsing, help, completion and the test of docs/reference/cli.md use such rows.
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

/** A table as commander's options. */
export function optionsOf(flags: readonly Flag[]): Option[] {
  return flags.map((flag) => {
    const option = new Option(flag.spec, flag.help);
    if (flag.group !== undefined) option.helpGroup(flag.group);
    if (flag.choices !== undefined) {
      const { choices } = flag;
      option.argParser((text: string) => {
        if (!choices.includes(text)) throw new InvalidArgumentError(`Expected ${list(choices)}.`);
        return text;
      });
    }
    if (flag.parse !== undefined) option.argParser(flag.parse);
    if (flag.conflicts !== undefined) option.conflicts(flag.conflicts);
    return option;
  });
}

function list(choices: readonly string[]): string {
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}
