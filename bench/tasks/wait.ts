/** A task that only waits, like a call over the network. */

export default function wait(ms: number): Promise<number> {
  return new Promise((resolve) => setTimeout(resolve, ms, ms));
}
