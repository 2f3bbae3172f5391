/**
 * Task module: is this text the first of its kind in the batch? Asks the caller's service `claim`, which knows.
 *
 *   input   a text
 *   value   { hash, isFirst }
 *
 * The type of `ctx` names the services that the task needs. In TypeScript, `runtime.run(task<typeof unique>(…))` then demands
 * them of the caller, with these very parameters.
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
