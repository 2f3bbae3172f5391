/**
 * Task module: the negative of an image.
 *
 *   input   RGBA bytes, which heddle moves here if the caller asks for it
 *   value   the same memory with its colours inverted, moved back
 */

/**
 * @param {Uint8ClampedArray<ArrayBuffer>} bytes
 * @param {import('heddle').TaskContext} ctx
 */
export default function invert(bytes, ctx) {
  for (let at = 0; at < bytes.length; at += 4) {
    for (let colour = at; colour < at + 3; colour++) bytes[colour] = 255 - bytes[colour];
  }
  return ctx.transfer(bytes, [bytes.buffer]);
}
