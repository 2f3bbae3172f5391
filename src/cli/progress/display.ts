/**
 * How progress is shown: the interface of the modes, and the choice among them.
 *
 *   starting → (checking)* → running → (update)* → stop
 *
 * A display has no timer of its own, except for the redraws of the bar.
 */

import type { Progress } from '../../main/index.js';
import type { ProgressMode } from '../commands/run/run-flags.js';
import { hasUnicode, isLive, type Messages } from '../shell/terminal.js';
import { PlainDisplay } from './plain.js';

/** What is known when the first task is about to start. */
export interface RunFacts {
  readonly total: number | undefined;
  readonly threads: number;
  readonly concurrency: number | undefined;
  readonly isInline: boolean;
  /** Where inputs come from, when their number is unknown. */
  readonly from: string;
}

/** Shows progress on standard error. */
export interface Display {
  /** Called first, before anything that takes time. */
  starting(): void;
  /** @param count - inputs checked so far */
  checking(count: number): void;
  /** The run begins. */
  running(facts: RunFacts, progress: () => Progress): void;
  /** Called ten times a second. */
  update(progress: Progress): void;
  /** Removes the display before other output on the same terminal. */
  erase(): void;
  /** Restores the terminal. */
  stop(): void;
}

/** Shows nothing. */
export const noDisplay: Display = {
  starting() {},
  checking() {},
  running() {},
  update() {},
  erase() {},
  stop() {},
};

/** The mode that suits standard error. */
export function progressMode(
  asked: ProgressMode | undefined,
  isQuiet: boolean,
): Exclude<ProgressMode, 'auto'> {
  if (asked === 'json') return 'json';
  if (isQuiet) return 'none';
  const canAnimate = isLive(process.stderr, process.env);
  if (asked === 'none' || asked === 'plain') return asked;
  return canAnimate ? 'bar' : 'plain';
}

/**
 * Makes the display of a mode.
 *
 * @param label - the task module, as it is shown
 */
export async function createDisplay(
  mode: Exclude<ProgressMode, 'auto'>,
  label: string,
  messages: Messages,
): Promise<Display> {
  switch (mode) {
    case 'bar': {
      const { BarDisplay } = await import('./bar.js');
      return new BarDisplay({ label, colors: messages.colors, isUnicode: hasUnicode(process.env) });
    }
    case 'plain':
      return new PlainDisplay(label, (text) => messages.info(text));
    // JSON events come from event-log.ts, which sees all of them.
    case 'json':
    case 'none':
      return noDisplay;
    default:
      return mode satisfies never;
  }
}
