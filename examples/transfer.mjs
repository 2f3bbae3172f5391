/**
 * Moving buffers: large binary inputs and values travel without being copied, in both directions.
 *
 *   node examples/transfer.mjs
 *
 * Prints:
 *
 *   4 images of 4 MB inverted; first pixel: 255 254 253 255
 *   an image that was sent away has 0 bytes here
 */

import { createRuntime, task, transfer } from 'heddle';

const PIXELS = 1024 * 1024;

/** Four bytes a pixel: red, green, blue, opacity. */
function image() {
  const bytes = new Uint8ClampedArray(PIXELS * 4);
  bytes.set([0, 1, 2, 255]);
  return bytes;
}

const images = Array.from({ length: 4 }, image);
const inputs = images.map((bytes) => transfer(bytes, [bytes.buffer]));

const runtime = createRuntime({ threads: 2 });
const inverted = await runtime.run(task(new URL('./invert.task.js', import.meta.url)), inputs).values();
await runtime.close();

const megabytes = inverted[0].byteLength / 2 ** 20;
const pixel = inverted[0].subarray(0, 4).join(' ');
console.log(`${inverted.length} images of ${megabytes} MB inverted; first pixel: ${pixel}`);
console.log(`an image that was sent away has ${images[0].byteLength} bytes here`);
