/** A list of the smallest tasks, as a user of a pool without chunks would write it. */

export default function incrementAll(inputs: readonly number[]): number[] {
  return inputs.map((input) => input + 1);
}
