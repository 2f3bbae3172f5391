/** `heddle verify`: checks every checksum of a session; --repair sets damaged parts aside. */

import { openSession, type SessionIdentity } from '../../../main/index.js';
import { plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { type Ending, EXIT } from '../../shell/exit-codes.js';
import { type CommonFlags, print } from '../../shell/shell.js';
import { hasCommand } from '../sessions/overview.js';
import { placeOf, quote } from '../sessions/place.js';

/** The parsed flags. */
export interface VerifyFlags extends CommonFlags {
  readonly repair?: true;
  readonly json?: true;
}

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
  else {
    const identity = isRepaired ? await session.identity() : undefined;
    await print(`${verdict(text, damages, isRepaired, identity)}\n`);
  }
  return { code: isSound || isRepaired ? EXIT.ok : EXIT.unusable };
}

function verdict(
  text: string,
  damages: readonly string[],
  isRepaired: boolean,
  identity: SessionIdentity | undefined,
): string {
  if (damages.length === 0) return `${clean(text)} is sound`;
  const parts = plural(damages.length, 'damaged part');
  const runAgain = hasCommand(identity)
    ? `with: heddle resume ${quote(text)}`
    : 'with the program that made this session';
  return [
    `${clean(text)}: ${parts}${isRepaired ? ' set aside in quarantine/' : ''}`,
    ...damages.map((damage) => `  ${clean(damage)}`),
    isRepaired
      ? `the tasks ${damages.length === 1 ? 'it' : 'they'} held run again ${runAgain}`
      : `set aside with: heddle verify ${quote(text)} --repair`,
  ].join('\n');
}
