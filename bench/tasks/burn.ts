/**
 * A fixed amount of arithmetic. Not a loop that watches the clock: that would end in time even when two
 * threads share one core, and so hide every contention.
 */

export default function burn(steps: number): number {
  let state = 1;
  for (let step = 0; step < steps; step++) state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return state;
}
