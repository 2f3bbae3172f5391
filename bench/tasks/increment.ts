/** The smallest task: what is measured with it is everything around a task. */

export default function increment(input: number): number {
  return input + 1;
}
