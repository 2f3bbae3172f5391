/** `heddle verify`: checks every checksum of a session; --repair sets damaged parts aside. */

import { openSession } from '../../../main/index.js';
import { plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { type Ending, EXIT } from '../../shell/exit-codes.js';
import { print } from '../../shell/shell.js';
import { placeOf, quote } from '../sessions/place.js';
import type { VerifyFlags } from './verify-row.js';

/** Runs `heddle verify`. */
export async function verifyCommand(
  [text]: readonly [session: string],
  { repair, json }: VerifyFlags,
): Promise<Ending> {
  const { path } = placeOf(text, process.cwd());
  const session = openSession(path);
  const damages = repair === true ? await session.repair() : await session.verify();
  const isSound = damages.length === 0;
  const isRepaired = repair === true && !isSound;
  if (json === true) await print(`${JSON.stringify({ v: 1, path, isSound, isRepaired, damages })}\n`);
  else await print(`${verdict(text, damages, isRepaired)}\n`);
  return { code: isSound || isRepaired ? EXIT.ok : EXIT.unusable };
}

function verdict(text: string, damages: readonly string[], isRepaired: boolean): string {
  if (damages.length === 0) return `${clean(text)} is sound`;
  const parts = plural(damages.length, 'damaged part');
  return [
    `${clean(text)}: ${parts}${isRepaired ? ' set aside in quarantine/' : ''}`,
    ...damages.map((damage) => `  ${clean(damage)}`),
    isRepaired
      ? `the tasks ${damages.length === 1 ? 'it' : 'they'} held run again with: heddle resume ${quote(text)}`
      : `set aside with: heddle verify ${quote(text)} --repair`,
  ].join('\n');
}
