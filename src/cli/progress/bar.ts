/**
 * Progress as one live line at the bottom of the terminal.
 *
 * Everything else that is written to standard error meanwhile (logs, output of tasks, messages) goes through
 * `process.stderr.write`. The display replaces that function: it erases the line first, and draws it again at
 * the next redraw. The cursor is hidden, and shown again on every way out: `stop`, the end of the process,
 * suspension (Ctrl-Z).
 */

import { writeSync } from 'node:fs';
import stringWidth from 'string-width';
import type { Progress } from '../../main/index.js';
import { formatCount } from '../../text/durations.js';
import type { Colors } from '../shell/terminal.js';
import { type BarStyle, barLine } from './bar-line.js';
import type { Display, RunFacts } from './display.js';

const REDRAW_MS = 100;
const ERASE = '\r\u001b[2K';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const MAX_LABEL = 24;

type Write = NodeJS.WriteStream['write'];

/** Draws the bar on standard error. */
export class BarDisplay implements Display {
  readonly #style: BarStyle;
  readonly #stream = process.stderr;
  readonly #write: Write = process.stderr.write.bind(process.stderr);
  readonly #undo: (() => void)[] = [];
  #checked = 0;
  #progress: (() => Progress) | undefined;
  #drawn = '';
  #isMidLine = false;
  #isActive = false;

  constructor(options: { readonly label: string; readonly colors: Colors; readonly isUnicode: boolean }) {
    const label = cutToWidth(options.label, MAX_LABEL);
    this.#style = { ...options, label, labelWidth: stringWidth(label) };
  }

  starting(): void {
    this.#isActive = true;
    const ownWrite = this.#stream.write;
    this.#stream.write = ((...args: Parameters<Write>) => this.#writeAside(...args)) as Write;
    this.#undo.push(() => {
      this.#stream.write = ownWrite;
    });
    this.#listen('exit', () => this.#restoreNow());
    this.#listen('SIGTSTP', () => {
      this.#restoreNow();
      process.kill(process.pid, 'SIGSTOP');
    });
    this.#listen('SIGCONT', () => this.#write(HIDE_CURSOR));
    const timer = setInterval(() => this.#draw(), REDRAW_MS).unref();
    this.#undo.push(() => clearInterval(timer));
    this.#write(HIDE_CURSOR);
    this.#draw();
  }

  checking(count: number): void {
    this.#checked = count;
  }

  running(_facts: RunFacts, progress: () => Progress): void {
    this.#progress = progress;
    this.#draw();
  }

  update(): void {}

  erase(): void {
    if (this.#drawn !== '') this.#write(ERASE);
    this.#drawn = '';
  }

  stop(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    this.erase();
    if (this.#isMidLine) this.#write('\n');
    this.#write(SHOW_CURSOR);
    for (const undo of this.#undo.splice(0)) undo();
  }

  #draw(): void {
    const width = Math.max(10, (this.#stream.columns || 80) - 1);
    const line =
      this.#progress === undefined
        ? checkLine(this.#style, this.#checked, width)
        : barLine(this.#progress(), width, this.#style);
    if (line === this.#drawn) return;
    // The last text that was written did not end its line; the bar must not overwrite it.
    const start = this.#isMidLine ? '\n' : ERASE;
    this.#isMidLine = false;
    this.#drawn = line;
    this.#write(`${start}${line}`);
  }

  #writeAside(...args: Parameters<Write>): boolean {
    const [chunk] = args;
    this.erase();
    if (chunk.length > 0) {
      const last = typeof chunk === 'string' ? chunk.charCodeAt(chunk.length - 1) : chunk[chunk.length - 1];
      this.#isMidLine = last !== 10;
    }
    return this.#write(...args);
  }

  /** Synchronous, because the process may end before a stream writes. */
  #restoreNow(): void {
    try {
      writeSync(this.#stream.fd, `${this.#drawn === '' ? '' : ERASE}${SHOW_CURSOR}`);
      this.#drawn = '';
    } catch {
      // The terminal is gone.
    }
  }

  #listen(event: string, listener: () => void): void {
    process.on(event, listener);
    this.#undo.push(() => process.off(event, listener));
  }
}

function checkLine({ label, labelWidth, colors }: BarStyle, count: number, width: number): string {
  const text = count === 0 ? 'starting' : `checking inputs, ${formatCount(count)} so far`;
  return labelWidth + text.length + 2 > width ? text.slice(0, width) : `${colors.bold(label)}  ${text}`;
}

function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let cut = '';
  for (const char of text) {
    if (stringWidth(cut + char) > width - 1) break;
    cut += char;
  }
  return `${cut}…`;
}
