/** `heddle http call --dry-run`: the first requests as they would be sent, without secrets. */

import { type Prepared, shownUrl } from '../../../integrations/http/index.js';
import { plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { type Ending, EXIT } from '../../shell/exit-codes.js';
import { print } from '../../shell/shell.js';
import type { CallItems } from './items.js';

/** Prints the requests; sends nothing. */
export async function dryRun(prepared: Prepared, { first, total }: CallItems): Promise<Ending> {
  const shown = first.map((item, i) => `  ${i}  ${requestLine(prepared, item)}`);
  const more = (total ?? 0) - first.length;
  const lines = [
    total === undefined
      ? `would send ${clean(prepared.route)} for each item of a stream`
      : `would send ${plural(total, 'request')}: ${clean(prepared.route)}`,
    ...shown,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
  await print(`${lines.join('\n')}\n`);
  return { code: EXIT.ok };
}

function requestLine(prepared: Prepared, item: unknown): string {
  try {
    const { method = 'GET', url } = prepared.request(item);
    return clean(`${method} ${shownUrl(url, prepared.redactor)}`);
  } catch (error) {
    return `would fail: ${clean((error as Error).message)}`;
  }
}
