/** What the parts of `heddle run` share. */

import type { Checked } from '../../inputs/check.js';
import type { InputSource } from '../../inputs/input-source.js';
import type { Display } from '../../progress/display.js';
import type { StdoutWrite } from '../../shell/shell.js';
import type { Signals } from '../../shell/signals.js';
import type { Messages } from '../../shell/terminal.js';
import type { Settings } from './settings.js';

/** A run whose flags are checked and whose inputs are open. */
export interface PreparedRun {
  readonly settings: Settings;
  /** Inputs that were arguments. */
  readonly args: readonly string[];
  readonly sources: readonly InputSource[];
  readonly display: Display;
  readonly messages: Messages;
  readonly signals: Signals;
}

/** What a batch needs. */
export interface BatchParts extends PreparedRun {
  readonly checked: Checked;
  readonly writeStdout: StdoutWrite;
}
