/** Any value can be thrown: it arrives as an Error, through structured clone and through JSON alike. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { reviveError, type SerializedError, serializeError } from '../../src/protocol/serialized-error.js';

const fields = fc.dictionary(
  fc.string({ maxLength: 8 }),
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withTypedArray: true,
    withNullPrototype: true,
  }),
);
const error: fc.Arbitrary<Error> = fc.letrec<{ error: Error }>((tie) => ({
  error: fc
    .tuple(
      fc.string(),
      fc.constantFrom(Error, TypeError, RangeError),
      fields,
      fc.option(fc.oneof(tie('error'), fc.anything()), { depthSize: 'small' }),
    )
    .map(([message, Kind, own, cause]) => {
      const made = new Kind(message, cause === null ? undefined : { cause });
      for (const [name, value] of Object.entries(own))
        if (!['name', 'message', 'stack', '__proto__'].includes(name))
          Object.defineProperty(made, name, { value, enumerable: true });
      return made;
    }),
})).error;

it('round-trips through both codecs', () => {
  fc.assert(
    fc.property(fc.oneof(error, fc.anything()), (thrown) => {
      const data = serializeError(thrown);
      const cloned = structuredClone(data);
      const parsed = JSON.parse(JSON.stringify(data)) as SerializedError;

      const revived = reviveError(cloned);
      expect(revived).toBeInstanceOf(Error);
      expect(reviveError(parsed).message).toBe(revived.message);
      if (thrown instanceof Error)
        expect([revived.name, revived.message]).toEqual([thrown.name, thrown.message]);
    }),
    { numRuns: 500 },
  );
});
