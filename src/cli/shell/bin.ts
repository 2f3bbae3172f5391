#!/usr/bin/env node
/**
 * The process `heddle`: prints the version at once, or runs a command and ends with its exit code or signal.
 *
 * An error that escapes is a bug (exit code 70); the message says how to report it. The process ends by
 * `process.exit` when both streams are flushed, because a task on this thread may have left timers behind.
 */

import { version } from './version.js';

const [first] = process.argv.slice(2);
if (first === '--version' || first === '-V') {
  process.stdout.write(`${version()}\n`);
} else {
  // The reader is gone, and there is no other place to report that.
  process.stderr.on('error', () => {});
  // For help and the like; results check each of their writes.
  process.stdout.on('error', () => {});
  process.on('uncaughtException', bug);
  process.on('unhandledRejection', bug);
  await run().catch(bug);
}

async function run(): Promise<void> {
  const { main } = await import('./program.js');
  const ending = await main(process.argv.slice(2));
  await flush();
  if ('code' in ending) process.exit(ending.code);
  const { raise } = await import('./signals.js');
  raise(ending.signal);
}

/** An empty write completes after all writes before it. */
async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writable) await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}

function bug(error: unknown): void {
  const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const where = `heddle ${version()}, Node.js ${process.version}, ${process.platform} ${process.arch}`;
  // A task on this thread that throws from a timer is not distinguishable from heddle here; the stack shows
  // which it was.
  const isInline = process.argv.includes('--inline');
  const text = isInline
    ? 'error: an exception outside of any attempt ended the run: most likely the task threw it in a timer, ' +
      `an event or a promise that is not awaited\n${shown}\n`
    : 'error: this is a bug in heddle; please report it with the lines below and the command that you ran\n' +
      `${where}\n${shown}\n`;
  process.stderr.write(text, () => process.exit(isInline ? 1 : 70));
}
