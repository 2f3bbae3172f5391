/** The smallest task: measures everything around a task. */

export default function increment(input: number): number {
  return input + 1;
}
