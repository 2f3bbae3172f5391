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

function fail(): never {
  throw new Error('trap');
}
/** Values that fast-check cannot hold itself: each is made when it is used. */
type Maker = () => unknown;
const any: fc.Arbitrary<Maker> = fc.anything().map((value) => () => value);
const nasty: fc.Arbitrary<Maker> = fc.oneof(
  fc
    .tuple(
      fc.anything(),
      fc.subarray(['get', 'getPrototypeOf', 'has', 'ownKeys', 'getOwnPropertyDescriptor']),
    )
    .map(
      ([value, traps]) =>
        () =>
          new Proxy(Object(value), Object.fromEntries(traps.map((t) => [t, fail]))),
    ),
  fc.constantFrom(Error, Array, Map, URL, Date).map((of) => () => Object.create(of.prototype)),
  fc.constantFrom({}, []).map((target) => () => {
    const { proxy, revoke } = Proxy.revocable(target, {});
    revoke();
    return proxy;
  }),
  fc.anything().map((thrown) => () => {
    const get = (): never => {
      throw thrown;
    };
    return Object.defineProperty({}, 'x', { enumerable: true, get });
  }),
  fc.constantFrom<Maker>(
    () => fail,
    () => Symbol('s'),
    () => new WeakMap(),
    () => new Headers({ a: 'b' }),
    () => new URL('a:b'),
    () => /a/g,
  ),
  fc.string().map((name) => () => new DOMException('x', name)),
);
const value: fc.Arbitrary<Maker> = fc.oneof(
  any,
  nasty,
  fc.array(nasty).map((makers) => () => makers.map((make) => make())),
);

it('takes any value at any place of an error, and the result survives both codecs', () => {
  const place = fc.constantFrom('name', 'message', 'stack', 'code', 'cause', 'errors', 'field', '__proto__');
  fc.assert(
    fc.property(fc.array(fc.tuple(place, value)), value, fc.boolean(), (own, make, isError) => {
      const other = make();
      const thrown = isError ? new AggregateError([other, other], 'x', { cause: other }) : other;
      // V8 formats the stack when it is first touched, with the name of that moment.
      if (isError) (thrown as Error).stack?.trim();
      if (isError)
        for (const [name, made] of own)
          Object.defineProperty(thrown, name, { value: made(), enumerable: true, configurable: true });

      const data = serializeError(thrown);

      // The same text: neither codec changes anything.
      expect(JSON.stringify(structuredClone(data))).toBe(JSON.stringify(data));
      expect(reviveError(JSON.parse(JSON.stringify(data)))).toBeInstanceOf(Error);
    }),
    { numRuns: 1000 },
  );
});
