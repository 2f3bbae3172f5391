/** The smallest task: what is measured with it is everything around a task. */

// biome-ignore lint/style/noDefaultExport: the default export of a task module is its function
export default function increment(input: number): number {
  return input + 1;
}
