/**
 * What standard error can show, and the one way in which a command writes text to it.
 *
 * Text from outside (messages of tasks, inputs, keys, file names) passes through `clean` first, so that it
 * cannot steer the terminal.
 */

import { createColors } from 'picocolors';

/** Colours of one stream. */
export type Colors = ReturnType<typeof createColors>;

/** How much is written to standard error. */
export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** True when a stream is a terminal that can move its cursor and whose output is not kept as a log. */
export function isLive(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb' && !isSet(env['CI']);
}

/** The colours that a stream can show. */
export function colorsOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv, isAllowed: boolean): Colors {
  return createColors(hasColor(stream, env, isAllowed));
}

function hasColor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv, isAllowed: boolean): boolean {
  if (!isAllowed || isSet(env['NO_COLOR']) || env['TERM'] === 'dumb') return false;
  return stream.isTTY === true || isSet(env['FORCE_COLOR']);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}

/** True when the locale can show more than ASCII. */
export function hasUnicode(env: NodeJS.ProcessEnv): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return process.platform === 'win32' || /utf-?8/i.test(locale);
}

/** Writes messages to standard error. */
export class Messages {
  readonly colors: Colors;
  readonly verbosity: Verbosity;
  /** Standard error carries JSON events only; warnings and errors are such events. */
  readonly isJson: boolean;
  readonly #write: (text: string) => void;

  constructor(options: {
    readonly stream: NodeJS.WriteStream;
    readonly env: NodeJS.ProcessEnv;
    readonly color: boolean;
    readonly verbosity: Verbosity;
    readonly isJson: boolean;
  }) {
    this.colors = colorsOf(options.stream, options.env, options.color);
    this.verbosity = options.verbosity;
    this.isJson = options.isJson;
    this.#write = (text) => void options.stream.write(text);
  }

  /** Information; not with `--quiet`. */
  info(text: string): void {
    if (this.verbosity !== 'quiet' && !this.isJson) this.#write(`${text}\n`);
  }

  /** A warning; not with `--quiet`. */
  warn(text: string): void {
    if (this.verbosity === 'quiet') return;
    if (this.isJson) this.event('warning', { message: text });
    else this.#write(`${this.colors.yellow('warning:')} ${text}\n`);
  }

  /** The error that ended the command. */
  error(text: string): void {
    if (this.isJson) this.event('error', { message: text });
    else this.#write(`${this.colors.red('error:')} ${text}\n`);
  }

  /** One line of JSON. */
  event(type: string, fields: object): void {
    this.#write(`${JSON.stringify({ v: 1, t: new Date().toISOString(), type, ...fields })}\n`);
  }

  /** A line without any prefix. */
  line(text: string): void {
    this.#write(`${text}\n`);
  }
}
