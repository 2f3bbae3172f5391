/** A task that waits and does nothing: stands for a call over the network. */

export default function wait(ms: number): Promise<number> {
  return new Promise((resolve) => setTimeout(resolve, ms, ms));
}
