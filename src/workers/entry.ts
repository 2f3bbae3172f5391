/**
 * The thread's entry: Piscina calls the default export with each request. Wiring only.
 *
 * Two things happen here and nowhere else. What would kill the thread silently is told first: an uncaught error leaves as
 * a CrashMessage on the port of every running chunk, and reports that were not sent yet leave on `exit`. And chunks
 * that are marked exclusive wait for each other, so that the coordinator can send the next chunk ahead of time without
 * the two overlapping.
 */

import { isMainThread, type MessagePort, parentPort, threadId, workerData } from 'node:worker_threads';
import { ControlCell, PHASES } from '../protocol/control-cell.js';
import { HeddleError, internalError } from '../protocol/errors.js';
import type {
  AbortMessage,
  ChunkAnswer,
  ChunkRequest,
  LoadAnswer,
  LoadRequest,
  StrayCrashMessage,
  ThreadMessage,
  ThreadSettings,
} from '../protocol/messages.js';
import { describe, reviveError, serializeError } from '../protocol/serialized-error.js';
import type { ChunkChannel } from '../protocol/thread-side.js';
import { loadTask } from './load-task.js';
import { flushChunks, runChunk } from './run-chunk.js';
import { servicesOf } from './services.js';

if (isMainThread) throw internalError('workers/entry.js was loaded on the main thread');

const channels = new Map<number, ChannelEnd>();
/** The channels of the chunks in execution. */
const busy = new Set<ChannelEnd>();
const lastExclusive = new Map<number, Promise<void>>();

if ((workerData as ThreadSettings | undefined)?.taskOutput === 'stderr') {
  process.stdout.write = process.stderr.write.bind(process.stderr);
}

process.on('exit', flushChunks);
process.on('uncaughtException', (error) => {
  const serialized = serializeError(error);
  if (busy.size === 0) {
    const message: StrayCrashMessage = { type: 'heddle:stray-crash', threadId, error: serialized };
    parentPort?.postMessage(message);
  }
  for (const { port } of busy) send(port, { type: 'crash', error: serialized });
  process.exit(1);
});

/** Answers a request of the coordinator. */
export default function handle(request: LoadRequest | ChunkRequest): Promise<LoadAnswer | ChunkAnswer> {
  return request.type === 'load' ? load(request) : run(request);
}

async function load(request: LoadRequest): Promise<LoadAnswer> {
  new ControlCell(request.cell).startLoading(threadId);
  try {
    const { execution, adopt } = await loadTask(request.module);
    return { ok: true, traits: { execution, adopts: adopt !== undefined } };
  } catch (error) {
    return { ok: false, error: serializeError(error) };
  }
}

async function run(request: ChunkRequest): Promise<ChunkAnswer> {
  const end = channelEnd(request);
  const cell = new ControlCell(request.cell);
  cell.startLoading(threadId);
  let release: (() => void) | undefined;
  try {
    const task = await loadTask(request.module);
    cell.phase = PHASES.between;
    if (request.exclusive) release = await takeTurn(request.runId);
    busy.add(end);
    await runChunk(task, request, cell, chunkChannel(request, end));
    await flushOutput();
    return { ok: true };
  } catch (error) {
    return { ok: false, error: serializeError(error) };
  } finally {
    busy.delete(end);
    end.wake = undefined;
    release?.();
  }
}

/** What tasks printed travels through the caller's event loop; it must be there before the thread may be ended. */
async function flushOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve));
  }
}

/** This thread's end of a channel that is leased to one chunk after the other. */
interface ChannelEnd {
  readonly port: MessagePort;
  isListening: boolean;
  /** Why the run of the current chunk is aborted. */
  reason: Error | undefined;
  wake: (() => void) | undefined;
}

function channelEnd({ channel, port }: ChunkRequest): ChannelEnd {
  let end = channels.get(channel);
  if (end === undefined) {
    if (port === undefined) throw internalError(`channel ${channel} is not known in thread ${threadId}`);
    end = { port, isListening: false, reason: undefined, wake: undefined };
    channels.set(channel, end);
    port.once('close', () => channels.delete(channel));
  }
  end.reason = undefined;
  return end;
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

function chunkChannel({ runId, chunkId }: ChunkRequest, end: ChannelEnd): ChunkChannel {
  const { port } = end;
  return {
    settled: (message, transferList) => port.postMessage(message, transferList as never[]),
    progress: (position, fraction, note) =>
      send(port, { type: 'progress', chunkId, position, fraction, note }),
    log: (position, level, message, fields) => {
      try {
        send(port, { type: 'log', chunkId, position, level, message, fields });
      } catch {
        send(port, {
          type: 'log',
          chunkId,
          position,
          level,
          message,
          fields: { unsendable: describe(fields) },
        });
      }
    },
    services: () =>
      servicesOf(runId, (servicePort) =>
        port.postMessage({ type: 'services', port: servicePort }, [servicePort]),
      ),
    abortReason: () => end.reason ?? new HeddleError('HEDDLE_ABORTED', 'The run was aborted'),
    onAbort: (callback) => {
      end.wake = callback;
      if (end.isListening) return;
      end.isListening = true;
      // A message that comes late, for the chunk before, does no harm: the control cell says who must end.
      port.on('message', (message: AbortMessage) => {
        end.reason = reviveError(message.reason);
        end.wake?.();
      });
    },
  };
}

function send(port: MessagePort, message: ThreadMessage): void {
  port.postMessage(message);
}
