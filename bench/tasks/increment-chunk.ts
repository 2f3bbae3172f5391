/** A list of the smallest tasks, as a user of a pool without chunks would write it. */

// biome-ignore lint/style/noDefaultExport: the default export of a task module is its function
export default function incrementAll(inputs: readonly number[]): number[] {
  return inputs.map((input) => input + 1);
}
