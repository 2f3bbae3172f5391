import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { isHeddleError } from '../../../src/protocol/errors.js';
import { reportedKey, taskKey } from '../../../src/protocol/task-key.js';

const circular = (): unknown => {
  const value: { a: unknown[] } = { a: [] };
  value.a.push(value, [value]);
  return value;
};
class Row {
  readonly id: number;
  constructor(id: number) {
    this.id = id;
  }
}

/**
 * Keys of the first release. Those of plain JSON data must never change: sessions on disk hold them. What has
 * changed since, because different inputs had one key: -0 (was the key of 0), named fields of arrays and of
 * other built-in objects, sparse arrays, SharedArrayBuffer, boxed primitives, URL, and errors with a cause,
 * errors, own fields or a class of their own.
 */
const RECORDED: [key: string, input: unknown][] = [
  ['74234e98afe7498fb5daf1f36ac2d78a', null],
  ['7603e4bc34805b2123c9c35caa695353', undefined],
  ['b5bea41b6c623f7c09f1bf24dcae58eb', true],
  ['fcbcf165908dd18a9e49f7ff27810176', false],
  ['12ae32cb1ec02d01eda3581b127c1fee', ''],
  ['ac8d8342bbb2362d13f0a559a3621bb4', 'a'],
  ['f072cbec3bf8841871d4284230c5e983', 'null'],
  ['0c926fba014b31b506cd4ceb60d646c0', '"'],
  ['3944f693806b92469f2125cbc7143268', '\n\t\\'],
  ['e89273d1020f7f6d6a1481e21e25d1e2', 'ü€😀'],
  ['8c0c59dd0d275aadcd462a5fe12eb352', '\ud800'],
  ['55bb3c98333f4f20aa23ec49458f6045', 'x'.repeat(100_000)],
  ['5feceb66ffc86f38d952786c6d696c79', 0],
  ['6b86b273ff34fce19d6b804eff5a3f57', 1],
  ['1bad6b8cf97131fceab8543e81f77571', -1],
  ['14be4b45f18e0d8c67b4f719b5144eee', 0.1],
  ['241c4643fa70b1dcde1205b71be4e3be', 1e21],
  ['5b33e02f2c5103a05d32f6ba9cb05829', 1e-7],
  ['725abf175290195635e55a971cf88e02', 123456789012345680000],
  ['c681da39d7273a6a24c15c9cac3a7552', 2 ** 53],
  ['c2784e1abd6317452708f3fbf9641c16', Number.MAX_VALUE],
  ['d5b592c05dc25b5032553f1b27f4139b', Number.NaN],
  ['c64ddf11bcd45660f0cf66dd0c22d2b4', Number.NEGATIVE_INFINITY],
  ['3ab6403870ad8247b710a83e2da5a2f6', 10n],
  ['4f53cda18c2baa0c0354bb5f9a3ecbe5', []],
  ['44136fa355b3678a1146ad16f7e8649e', {}],
  ['cf1cbb66a638b4860a516671fb74850e', [[]]],
  ['676eb384e02275ef9835b72519a2d96f', [null, true, 'a', 1]],
  ['e6d0fd417c98307d1a6d25d3d5c64ca1', [undefined, 1]],
  ['e97e4c8c131edf457aa6b5612a524f56', { a: undefined }],
  ['d3626ac30a87e6f7a6428233b3c68299', { b: 1, a: 2 }],
  ['711f97d6b61cac017d92581743286ce5', { '': 0, ' ': 1 }],
  ['710b038581cd1d1c7a4cffab366ab035', { ä: 1, z: 2, '😀': 3 }],
  ['e1ee368033cc3ee9c8c6692643539f78', { 10: 'ten', 9: 'nine' }],
  ['3ee3c8063ef3b391e4b24edbfc30478f', JSON.parse('{"__proto__":{"a":1}}')],
  [
    '053787d599202c0e2e88f5842923bc2a',
    { url: 'https://example.com', n: [1, 2.5, null], nested: { deep: [{ x: 1 }, { y: [] }] } },
  ],
  ['a655facd9262ddb5ddf32b1f4f8d937f', Array.from({ length: 500 }).reduce<unknown>((inner) => [inner], 1)],
  ['44136fa355b3678a1146ad16f7e8649e', Object.create(null)],
  ['c1e824a38d4ffb7496d12fffed34b8fe', new Date(0)],
  ['b2a1604b7ba77e3bfa4825d5a29341bd', new Date(Number.NaN)],
  ['c312fbc2a3fa73c081a8378e9844387f', /a\/b/gi],
  [
    '795c89c68c7fd2b1a1d9ba165224d45e',
    new Map<unknown, unknown>([
      ['a', 1],
      [{ b: 2 }, []],
    ]),
  ],
  ['92a8f4abcceb31b63f88cb59b55e82b0', new Set<unknown>(['a', [1]])],
  ['d8440b67e89c43d9e81a5afa32d5dcff', new Uint8Array([1, 2, 255])],
  ['fc18b0cba1a2825319983a534b9a2009', new Float64Array([0.5, -0])],
  ['75159e5f29bd11989e7fda3b167eca1f', new BigInt64Array([1n])],
  ['5c8a612f22431efc802672c76c5aef95', new DataView(new ArrayBuffer(2))],
  ['751f7a689a3059b6514ec161486b2e60', new Uint8Array([0, 1, 2, 3]).subarray(1, 3)],
  ['b418e5e7293b8b468d35fa64d2338352', Buffer.from('abc')],
  ['498afba2151fe7ff1e32fbc06cacbbf6', new ArrayBuffer(3)],
  ['8843e99dfb13c10ef4f59a73e34d49fe', new TypeError('x')],
  ['0cbd49947aa31610ef5e9561c6e946c6', circular()],
];
const NEGATIVE_ZERO_IN_A_FLOAT_ARRAY = new Float64Array([-0]);

describe('the key of an input', () => {
  it('is that of the first release', () => {
    expect(RECORDED.map(([, input]) => taskKey(input))).toEqual(RECORDED.map(([key]) => key));
  });

  it('does not depend on the order of properties', () => {
    expect(taskKey({ a: 1, b: { c: 2, d: 3 } })).toBe(taskKey({ b: { d: 3, c: 2 }, a: 1 }));
  });

  it('differs for inputs that differ', () => {
    class Failure extends Error {}
    const loop: unknown[] = [];
    loop.push(loop);
    const inputs = [
      ...['a', 'b', '1', 1, 1n, true, 'true', null, 'null', undefined, 'undefined', Number.NaN, 0, -0],
      ...[[], {}, [[]], [1], ['1'], [1, 2], [[1], 2], [undefined], new Array(1), new Array(2)],
      ...[[0], [-0], Object.assign([1], { n: 1 }), Object.assign([1], { n: 2 })],
      ...[Object.assign(new Array(2), { 0: 1, n: 1 }), [undefined, 1], Object.assign(new Array(2), { 1: 1 })],
      ...[new Map(), new Map([[1, 2]]), new Set(), new Set([1]), Object.assign(new Map(), { a: 1 })],
      ...[
        new Map([
          ['a', 1],
          ['b', 1],
        ]),
        new Map([
          ['b', 1],
          ['a', 1],
        ]),
      ],
      ...[new Date(0), new Date(1), Object.assign(new Date(0), { a: 1 }), /a/, /a/g, /\ud800/, /\udfff/],
      ...[0xd800, 0xdfff].map((code) => new RegExp(String.fromCharCode(code))),
      ...[new Uint8Array(1), new Uint8Array(2), new Int8Array(1), new ArrayBuffer(1)],
      ...[
        new SharedArrayBuffer(1),
        new Uint8Array(new SharedArrayBuffer(1)),
        new DataView(new ArrayBuffer(1)),
      ],
      ...[NEGATIVE_ZERO_IN_A_FLOAT_ARRAY, new Float64Array([0])],
      ...[Object(1), Object(2), Object('1'), Object(''), Object(true), Object(false), Object(1n), Object(-0)],
      ...[
        { a: undefined },
        { a: null },
        JSON.parse('{"__proto__":1}'),
        JSON.parse('{"__proto__":2}'),
        loop,
        [loop],
      ],
      ...[new URL('a:1'), new URL('b:1'), 'a:1', new URLSearchParams('a'), new URLSearchParams('b')],
      ...[new Error('x'), new Error('y'), new TypeError('x'), new Failure('x'), new Error('x', { cause: 1 })],
      ...[new Error('x', { cause: new Error('x') }), Object.assign(new Error('x'), { code: 1 })],
      ...[new Error('x', { cause: undefined }), Object.assign(new Error('x'), { class: 'Failure' })],
      ...[new AggregateError([1], 'x'), new AggregateError([2], 'x'), new DOMException('x', 'AbortError')],
    ];

    for (const place of [(input: unknown) => input, (input: unknown) => ({ in: [input, 1] })]) {
      const seen = new Map<string, unknown>();
      for (const input of inputs) {
        const key = taskKey(place(input));
        expect([input, seen.get(key)]).toEqual([input, undefined]);
        seen.set(key, input);
      }
    }
  });

  it('of a view is that of its own bytes', () => {
    const memory = new Uint8Array([9, 1, 2, 9]);

    expect(taskKey(memory.subarray(1, 3))).toBe(taskKey(new Uint8Array([1, 2])));
  });

  it('of an instance is that of its class and its public fields', () => {
    expect(taskKey(new Row(1))).not.toBe(taskKey({ id: 1 }));
    expect(taskKey(new Row(1))).toBe(taskKey(new Row(1)));
    expect(taskKey(new Row(2))).not.toBe(taskKey({ id: 1 }));
  });

  class Secret {
    readonly #value: number;
    constructor(value: number) {
      this.#value = value;
    }
    get value(): number {
      return this.#value;
    }
  }
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const moved = new ArrayBuffer(1);
  structuredClone(moved, { transfer: [moved] });

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a boxed symbol', Object(Symbol('s'))],
    ['a Blob', new Blob(['a'])],
    ['a Blob with fields', Object.assign(new Blob(['a']), { path: 'a' })],
    ['a Promise', Promise.resolve(1)],
    ['a WeakMap', new WeakMap()],
    ['a MessagePort', new MessageChannel().port1],
    ['Headers', new Headers()],
    ['private state', new Secret(1)],
    ['a date that is none', Object.create(Date.prototype)],
    ['an URL that is none', Object.create(URL.prototype)],
    ['a buffer that was moved', moved],
    ['a revoked proxy', revoked],
    ['a proxy of a Map', new Proxy(new Map(), {})],
    ['too deep', Array.from({ length: 1501 }).reduce<unknown>((inner) => [inner], 1)],
    ['far too deep', Array.from({ length: 100_000 }).reduce<unknown>((inner) => ({ inner }), 1)],
  ])('is refused for %s', (_, input) => {
    for (const each of [input, [1, { input }]]) {
      let thrown: unknown;
      try {
        taskKey(each);
      } catch (error) {
        thrown = error;
      }
      expect(isHeddleError(thrown, 'HEDDLE_INVALID_KEY')).toBe(true);
      expect((thrown as Error).message).toMatch(/^The input cannot be hashed because .*`key`$/);
    }
    expect(reportedKey(input, 7)).toBe('unkeyed-7');
  });

  it('is refused with the cause when a getter throws', () => {
    const cause = new Error('no rows');
    const input = {
      get rows(): never {
        throw cause;
      },
    };

    expect(() => taskKey(input)).toThrow(expect.objectContaining({ code: 'HEDDLE_INVALID_KEY', cause }));
    expect(() => taskKey(input)).toThrow('no rows');
  });

  it('names what is refused', () => {
    expect(() => taskKey([new Secret(1)])).toThrow(
      'it holds an object (Secret), whose content cannot be read',
    );
  });
});

describe('objects that are reached more than once', () => {
  const sharing = (levels: number): unknown => {
    let value: unknown = [1];
    for (let i = 0; i < levels; i++) value = { left: value, right: value };
    return value;
  };

  it('have the key of their copies', () => {
    expect(taskKey(sharing(16))).toBe(taskKey(JSON.parse(JSON.stringify(sharing(16)))));
  });

  it('are refused when the text would be too long', () => {
    for (const levels of [40, 1000]) expect(() => taskKey(sharing(levels))).toThrow(/occur in it so often/);
  });

  it('are refused when they also refer to what holds them', () => {
    const root: { child?: unknown } = {};
    let value: unknown = { root };
    for (let i = 0; i < 40; i++) value = { left: value, right: value };
    root.child = value;

    expect(() => taskKey(root)).toThrow(/occur in it so often/);
  });

  it('may be many when they refer to what holds them once', () => {
    const root: { children: unknown[] } = { children: [] };
    for (let i = 0; i < 30_000; i++) root.children.push({ i, parent: root });

    expect(taskKey(root)).toBe(taskKey(structuredClone(root)));
  });

  it('may be deep', () => {
    const deep = Array.from({ length: 1490 }).reduce<unknown>((inner) => ({ inner }), sharing(8));

    expect(taskKey(deep)).toMatch(/^[0-9a-f]{32}$/);
  });
});
