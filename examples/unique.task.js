/**
 * Task module: is this text the first of its kind in the batch? The caller's service `claim` knows.
 *
 *   input   a text
 *   value   { hash, isFirst }
 *
 * The type of `ctx` names the services that the task needs. In TypeScript, `runtime.run(task<typeof unique>(…))`
 * then requires the caller to pass them, with these parameters.
 */

import { createHash } from 'node:crypto';

/**
 * @param {string} text
 * @param {import('heddle').TaskContext<{ claim(hash: string, index: number): number }>} ctx
 */
export default async function unique(text, ctx) {
  const hash = createHash('sha256').update(text).digest('hex');
  const owner = await ctx.services.claim(hash, ctx.index);
  return { hash, isFirst: owner === ctx.index };
}
