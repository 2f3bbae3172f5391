/** Bytes to lines. */

import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../../../src/cli/inputs/lines.js';

describe('lines', () => {
  it('are the same wherever blocks are cut', () => {
    const bytes = Buffer.from('\ufeffzażółć\r\n\n€uro\nlast');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const splitter = new LineSplitter();
      const lines = [bytes.subarray(0, cut), bytes.subarray(cut)].flatMap((block) => splitter.push(block));
      expect([...lines, ...splitter.end()]).toEqual(['zażółć', '', '€uro', 'last']);
    }
  });

  it('that are not UTF-8 do no harm to their neighbours', () => {
    const splitter = new LineSplitter();

    expect(splitter.push(Buffer.from([0x61, 10, 0xff, 10, 0x62, 13, 10]))).toEqual(['a', undefined, 'b']);
    expect(splitter.end()).toEqual([]);
  });
});
