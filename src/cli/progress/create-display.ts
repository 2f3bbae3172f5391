/** The choice among the modes of showing progress. */

import type { ProgressMode } from '../commands/run/run-flags.js';
import { hasUnicode, isLive, type Messages } from '../shell/terminal.js';
import { type Display, noDisplay } from './display.js';
import { PlainDisplay } from './plain.js';

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
