/**
 * Asynchronous inputs of every kind behind one contract: read the next one, release the source at any moment.
 *
 * Node streams are observed from the start, because an unhandled error event ends the process. They are
 * destroyed, and web streams cancelled, even while a read is pending. An iterator can only be asked to
 * return.
 */

import type { Readable } from 'node:stream';
import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web';

/** A source that is read one input at a time. */
export interface AsyncInputs {
  next(): Promise<IteratorResult<unknown, unknown>>;
  /** Releases the source. Settles when it has answered, which may be never. */
  close(): Promise<unknown>;
}

/** @throws what the source throws when it is opened */
export function openAsync(inputs: AsyncIterable<unknown>): AsyncInputs {
  if (isWebStream(inputs)) return new WebStreamInputs(inputs);
  return isNodeStream(inputs) ? new NodeStreamInputs(inputs) : new IteratorInputs(inputs);
}

function isNodeStream(inputs: object): inputs is Readable {
  const { on, destroy } = inputs as Partial<Readable>;
  return typeof on === 'function' && typeof destroy === 'function';
}

/** By its shape: the class itself takes milliseconds to load. */
function isWebStream(inputs: object): inputs is ReadableStream<unknown> {
  return typeof (inputs as Partial<ReadableStream>).getReader === 'function';
}

class NodeStreamInputs implements AsyncInputs {
  readonly #stream: Readable;
  readonly #iterator: AsyncIterator<unknown>;
  #failure: { readonly error: Error } | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on('error', (error) => {
      this.#failure ??= { error };
    });
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  async next(): Promise<IteratorResult<unknown, unknown>> {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#iterator.next();
  }

  async close(): Promise<void> {
    this.#stream.destroy();
  }
}

class WebStreamInputs implements AsyncInputs {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  constructor(stream: ReadableStream<unknown>) {
    this.#reader = stream.getReader();
  }

  next(): Promise<IteratorResult<unknown, unknown>> {
    return this.#reader.read() as Promise<IteratorResult<unknown, unknown>>;
  }

  async close(): Promise<void> {
    const cancelled = this.#reader.cancel();
    this.#reader.releaseLock();
    await cancelled;
  }
}

class IteratorInputs implements AsyncInputs {
  readonly #iterator: AsyncIterator<unknown>;

  constructor(inputs: AsyncIterable<unknown>) {
    this.#iterator = asIterator(inputs[Symbol.asyncIterator]());
  }

  async next(): Promise<IteratorResult<unknown, unknown>> {
    return asResult(await this.#iterator.next());
  }

  async close(): Promise<unknown> {
    return this.#iterator.return?.();
  }
}

/** @throws TypeError for what cannot be an iterator */
export function asIterator<T extends object>(value: T): T {
  if (typeof value === 'object' && value !== null) return value;
  throw new TypeError(`the iterable gave no iterator, but ${String(value)}`);
}

/** @throws TypeError for what cannot be the answer of an iterator */
export function asResult<T>(value: IteratorResult<T, unknown>): IteratorResult<T, unknown> {
  if (typeof value === 'object' && value !== null) return value;
  throw new TypeError(`next() of the iterator returned ${String(value)}, not an object`);
}
