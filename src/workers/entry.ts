/**
 * The thread's entry: Piscina calls the default export once, with the port for everything else. Wiring only.
 *
 * Two things happen here and nowhere else. What would kill the thread silently is reported first: an uncaught
 * error leaves as a CrashMessage, and pending reports leave on `exit`. And exclusive chunks wait for each
 * other, so that the coordinator can send the next chunk ahead of time without the two overlapping.
 */

import { isMainThread, type MessagePort, threadId, workerData } from 'node:worker_threads';
import { ControlCell, PHASES } from '../protocol/control-cell.js';
import { HeddleError, internalError } from '../protocol/errors.js';
import { markLoading } from '../protocol/loading-mark.js';
import type {
  AbortMessage,
  CallerMessage,
  ChunkRequest,
  LoadAnswer,
  LoadRequest,
  OpenRequest,
  OverMessage,
  ThreadMessage,
  ThreadSettings,
} from '../protocol/messages.js';
import { describe, reviveError, serializeError } from '../protocol/serialized-error.js';
import type { LoadedTask } from '../protocol/task.js';
import type { ChunkChannel } from '../protocol/thread-side.js';
import { loadedTask, loadTask } from './load-task.js';
import { endedServices, servicesOf } from './remote-services.js';
import { flushChunks, runChunk } from './run-chunk.js';

if (isMainThread) throw internalError('workers/entry.js was loaded on the main thread');

/** A chunk in execution. */
interface Running {
  /** Why its run is aborted. */
  reason: Error | undefined;
  wake: (() => void) | undefined;
  /** Lets the next exclusive chunk of the run begin. */
  release?: () => void;
}

const NOTHING: readonly unknown[] = [];
const running = new Map<number, Running>();
const lastExclusive = new Map<number, Promise<void>>();
let port: MessagePort | undefined;

if ((workerData as ThreadSettings | undefined)?.taskOutput === 'stderr') {
  process.stdout.write = process.stderr.write.bind(process.stderr);
}

process.on('exit', flushChunks);
process.on('uncaughtException', (error) => {
  send({ type: 'crash', error: serializeError(error) });
  process.exit(1);
});

/** Listens to the coordinator. */
export default function open(request: OpenRequest): void {
  port = request.port;
  port.on('message', receive);
  send({ type: 'opened' });
}

function receive(message: CallerMessage): void {
  switch (message.type) {
    case 'chunk':
      void run(message);
      return;
    case 'abort':
      return abort(message);
    case 'load':
      void load(message).then((answer) => send({ type: 'loaded', id: message.id, answer }));
      return;
    default:
      message satisfies never;
  }
}

/** Has no effect after the chunk is over. */
function abort({ id, reason }: AbortMessage): void {
  const chunk = running.get(id);
  if (chunk === undefined) return;
  chunk.reason = reviveError(reason);
  chunk.wake?.();
}

async function load(request: LoadRequest): Promise<LoadAnswer> {
  const cell = new ControlCell(request.cell);
  cell.startLoading(threadId);
  const isFirst = loadedTask(request.module) === undefined;
  try {
    const { execution, adopt, poll, version } = await loadHere(request.module);
    if (version !== request.version) {
      if (!isFirst) return { kind: 'stale' };
      throw changedError(request.module);
    }
    return {
      kind: 'loaded',
      traits: { execution, adopts: adopt !== undefined, polls: poll !== undefined },
    };
  } catch (error) {
    return { kind: 'failed', error: serializeError(error) };
  } finally {
    cell.phase = PHASES.between;
  }
}

async function run(request: ChunkRequest): Promise<void> {
  const { id } = request;
  const chunk: Running = { reason: undefined, wake: undefined };
  running.set(id, chunk);
  const over = await execute(request, chunk).catch((error: unknown) => ({ error: serializeError(error) }));
  running.delete(id);
  if (over !== 'reported') send({ type: 'over', id, isStale: false, error: undefined, ...over });
  chunk.release?.();
}

/** @returns how the chunk ended; 'reported' if its last report has said that it is over */
async function execute(
  request: ChunkRequest,
  chunk: Running,
): Promise<'reported' | Partial<Pick<OverMessage, 'isStale' | 'error'>>> {
  const cell = new ControlCell(request.cell);
  const loaded = loadedTask(request.module);
  const task = loaded ?? (await loadFor(request.module, cell));
  if (task.version !== request.version) {
    if (loaded !== undefined) return { isStale: true };
    throw changedError(request.module);
  }
  cell.pickUp(threadId);
  if (request.isExclusive) chunk.release = await takeTurn(request.runId);
  if (await runChunk(task, request, cell, chunkChannel(request, chunk))) return 'reported';
  await flushOutput();
  return {};
}

async function loadFor(module: string, cell: ControlCell): Promise<LoadedTask> {
  cell.startLoading(threadId);
  const task = await loadHere(module);
  cell.phase = PHASES.between;
  return task;
}

/** A run that the module starts while it is loaded would load it again on its own threads, without end. */
async function loadHere(module: string): Promise<LoadedTask> {
  markLoading(module);
  try {
    return await loadTask(module);
  } finally {
    markLoading(undefined);
  }
}

function changedError(module: string): HeddleError {
  return new HeddleError(
    'HEDDLE_TASK_MODULE_LOAD',
    `Task module ${module} changed while the run was in progress; run it again`,
  );
}

function isPrinting(): boolean {
  return process.stdout.writableLength + process.stderr.writableLength > 0;
}

/** Printed text travels through the caller's event loop; it must arrive before the thread may be ended. */
async function flushOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve));
  }
}

/** Waits for earlier exclusive chunks of this run. The returned function lets the next one begin. */
async function takeTurn(runId: number): Promise<() => void> {
  const previous = lastExclusive.get(runId);
  let release = () => {};
  const turn = new Promise<void>((resolve) => {
    release = resolve;
  });
  lastExclusive.set(runId, turn);
  await previous;
  return () => {
    if (lastExclusive.get(runId) === turn) lastExclusive.delete(runId);
    release();
  };
}

function chunkChannel({ id, runId }: ChunkRequest, chunk: Running): ChunkChannel {
  return {
    settled: (message, transferList) => send(message, transferList),
    mayEnd: () => !isPrinting(),
    progress: (position, fraction, note) => send({ type: 'progress', id, position, fraction, note }),
    log: (position, level, message, fields) => {
      try {
        send({ type: 'log', id, position, level, message, fields });
      } catch {
        send({ type: 'log', id, position, level, message, fields: { unsendable: describe(fields) } });
      }
    },
    observed: (position, observation) => send({ type: 'observed', id, position, ...observation }),
    services: () =>
      running.get(id) === chunk
        ? servicesOf(runId, (servicePort) => send({ type: 'services', id, port: servicePort }, [servicePort]))
        : endedServices(),
    abortReason: () => chunk.reason ?? new HeddleError('HEDDLE_ABORTED', 'The run was aborted'),
    onAbort: (callback) => {
      chunk.wake = callback;
    },
  };
}

function send(message: ThreadMessage, transferList: readonly unknown[] = NOTHING): void {
  port?.postMessage(message, transferList as never);
}
