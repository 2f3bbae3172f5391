/** A task that waits and does nothing: stands for a call over the network. */

// biome-ignore lint/style/noDefaultExport: the default export of a task module is its function
export default function wait(ms: number): Promise<number> {
  return new Promise((resolve) => setTimeout(resolve, ms, ms));
}
