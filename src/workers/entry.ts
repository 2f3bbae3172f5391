/**
 * The thread's entry: Piscina calls the default export once, with the port over which everything else comes. Wiring only.
 *
 * Two things happen here and nowhere else. What would kill the thread silently is told first: an uncaught error leaves as
 * a CrashMessage, and reports that were not sent yet leave on `exit`. And chunks that are marked exclusive wait for each
 * other, so that the coordinator can send the next chunk ahead of time without the two overlapping.
 */

import { isMainThread, type MessagePort, threadId, workerData } from 'node:worker_threads';
import { ControlCell, PHASES } from '../protocol/control-cell.js';
import { HeddleError, internalError } from '../protocol/errors.js';
import type {
  AbortMessage,
  CallerMessage,
  ChunkRequest,
  LoadAnswer,
  LoadRequest,
  OpenRequest,
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

/** What is known of a chunk in execution. */
interface Running {
  /** Why its run is aborted. */
  reason: Error | undefined;
  wake: (() => void) | undefined;
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

/** One that comes late, when its chunk is over, does no harm. */
function abort({ id, reason }: AbortMessage): void {
  const chunk = running.get(id);
  if (chunk === undefined) return;
  chunk.reason = reviveError(reason);
  chunk.wake?.();
}

async function load(request: LoadRequest): Promise<LoadAnswer> {
  new ControlCell(request.cell).startLoading(threadId);
  try {
    const { execution, adopt, poll } = await loadTask(request.module);
    return { ok: true, traits: { execution, adopts: adopt !== undefined, polls: poll !== undefined } };
  } catch (error) {
    return { ok: false, error: serializeError(error) };
  }
}

async function run(request: ChunkRequest): Promise<void> {
  const { id, runId } = request;
  const chunk: Running = { reason: undefined, wake: undefined };
  const cell = new ControlCell(request.cell);
  let release: (() => void) | undefined;
  let failure: unknown;
  let isToldOver = false;
  running.set(id, chunk);
  try {
    const task = loadedTask(request.module) ?? (await loadFor(request.module, cell));
    cell.pickUp(threadId);
    if (request.exclusive) release = await takeTurn(runId);
    isToldOver = await runChunk(task, request, cell, chunkChannel(request, chunk));
    if (!isToldOver) await flushOutput();
  } catch (error) {
    failure = error;
  }
  running.delete(id);
  if (!isToldOver)
    send({ type: 'over', id, error: failure === undefined ? undefined : serializeError(failure) });
  release?.();
}

async function loadFor(module: string, cell: ControlCell): Promise<LoadedTask> {
  cell.startLoading(threadId);
  const task = await loadTask(module);
  cell.phase = PHASES.between;
  return task;
}

function isPrinting(): boolean {
  return process.stdout.writableLength + process.stderr.writableLength > 0;
}

/** What tasks printed travels through the caller's event loop; it must be there before the thread may be ended. */
async function flushOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve));
  }
}

/** Waits for the exclusive chunks of this run that came before; the answer lets the next one begin. */
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
