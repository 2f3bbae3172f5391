#!/usr/bin/env node
/**
 * The process `heddle`: answers the version at once, else runs a command and ends as the command says.
 *
 * Whatever escapes from there is a bug (exit code 70) and says how to report it. The process ends by `process.exit` when both streams are
 * flushed: a task on this thread may have left timers behind, and nobody waits for those.
 */

import { version } from './version.js';

const [first] = process.argv.slice(2);
if (first === '--version' || first === '-V') {
  process.stdout.write(`${version()}\n`);
} else {
  // Nobody reads any more; there is nobody to tell, either.
  process.stderr.on('error', () => {});
  // The same of help and the like; whoever writes results looks at each write of its own.
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

/** An empty write is done when all writes before it are. */
async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writable) await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}

function bug(error: unknown): void {
  const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const where = `heddle ${version()}, Node.js ${process.version}, ${process.platform} ${process.arch}`;
  // A task on this thread that throws from a timer looks like heddle doing so. Which of both it was, the stack tells.
  const isInline = process.argv.includes('--inline');
  const text = isInline
    ? `error: something threw outside of any attempt, so the run cannot go on: most likely the task, in a timer, event or promise that nobody awaits\n${shown}\n`
    : `error: this is a bug in heddle; please report it with the lines below and the command that you ran\n${where}\n${shown}\n`;
  process.stderr.write(text, () => process.exit(isInline ? 1 : 70));
}
