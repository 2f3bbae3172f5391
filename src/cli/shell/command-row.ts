/**
 * A row of the table of commands. Parsing, help, completion and the test of docs/reference/cli.md are made
 * from such rows.
 */

import type { Ending } from './exit-codes.js';
import type { Flag } from './flag.js';
import type { Shell } from './shell.js';

/** One command. */
export interface CommandRow {
  readonly name: string;
  /** The word before its name, shared by the commands of one integration. */
  readonly group?: { readonly name: string; readonly help: string };
  /** Its arguments, as commander reads them, each with its help. */
  readonly args: readonly (readonly [spec: string, help: string])[];
  readonly help: string;
  readonly flags: readonly Flag[];
  /** Shown before the usage. */
  readonly examples?: readonly string[];
  /** Shown after the flags. */
  readonly notes?: string;
  /** The first argument is a session. */
  readonly takesSession?: true;
  /** Loads the command when it is called. */
  readonly load: () => Promise<CommandFunction>;
}

/**
 * Runs a command.
 *
 * Each command declares the arguments and flags that its own row parses to; `never` accepts all of them.
 */
export type CommandFunction = (args: never, flags: never, shell: Shell) => Promise<Ending>;

/** "run", "http call" */
export function fullName({ group, name }: CommandRow): string {
  return group === undefined ? name : `${group.name} ${name}`;
}
