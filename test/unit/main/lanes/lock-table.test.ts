/** Locks by key: order, atomic steps, calls from within callbacks, and what `locks` may return. */

import { describe, expect, it } from 'vitest';
import {
  LockTable,
  type LockTicket,
  type LockWant,
  resolveLocks,
} from '../../../../src/main/lanes/lock-table.js';
import { OptionError } from '../../../../src/protocol/errors.js';

const write = (...keys: string[]): LockWant[] => keys.map((key) => ({ key, isShared: false }));
const read = (...keys: string[]): LockWant[] => keys.map((key) => ({ key, isShared: true }));

/** A table whose grants are written down by name. */
function rig() {
  const table = new LockTable();
  const told: string[] = [];
  const ask = (name: string, wants: readonly LockWant[]): LockTicket =>
    table.request(wants, () => void told.push(name));
  return { table, told, ask };
}

describe('granting', () => {
  it('is at once, without a call, when the keys are free', () => {
    const { table, told, ask } = rig();
    expect(ask('a', write('x', 'y')).isHeld).toBe(true);
    expect(ask('none', []).isHeld).toBe(true);
    expect(told).toEqual([]);
    expect(table.size).toBe(2);
  });

  it('shares a key among readers, not with a writer', () => {
    const { table, told, ask } = rig();
    const readers = [ask('r1', read('x')), ask('r2', read('x'))];
    const writer = ask('w', write('x'));
    expect(readers.map(({ isHeld }) => isHeld)).toEqual([true, true]);
    expect(writer.isHeld).toBe(false);
    for (const reader of readers) {
      expect(told).toEqual([]);
      table.release(reader);
    }
    expect(told).toEqual(['w']);
    expect(writer.isHeld).toBe(true);
  });

  it('is in order: a reader does not overtake a waiting writer', () => {
    const { table, told, ask } = rig();
    const first = ask('r1', read('x'));
    const writer = ask('w', write('x'));
    const late = [ask('r2', read('x')), ask('r3', read('x'))];
    expect(late.some(({ isHeld }) => isHeld)).toBe(false);
    table.release(first);
    expect(told).toEqual(['w']);
    table.release(writer);
    expect(told).toEqual(['w', 'r2', 'r3']);
  });

  it('takes all keys or waits: two requests in opposite order do not block each other for good', () => {
    const { table, told, ask } = rig();
    const ab = ask('ab', write('a', 'b'));
    const ba = ask('ba', write('b', 'a'));
    const bc = ask('bc', write('b', 'c'));
    table.release(ab);
    expect(told).toEqual(['ba']);
    table.release(ba);
    expect(told).toEqual(['ba', 'bc']);
    table.release(bc);
    expect(table.size).toBe(0);
  });

  it('of a key that is named twice is exclusive if one of them is', () => {
    for (const wants of [
      [...read('x'), ...write('x')],
      [...write('x'), ...read('x')],
      [...read('x', 'y', 'x'), ...write('x'), ...read('x')],
    ]) {
      const { table, ask } = rig();
      const ticket = ask('both', wants);
      expect(ticket.isHeld).toBe(true);
      expect(ask('r', read('x')).isHeld).toBe(false);
      table.release(ticket);
      expect(table.size).toBe(1);
    }
    const { table, ask } = rig();
    const ticket = ask('shared twice', read('x', 'x'));
    expect(ask('r', read('x')).isHeld).toBe(true);
    table.release(ticket);
    expect(ask('w', write('x')).isHeld).toBe(false);
  });
});

describe('giving up', () => {
  it('lets those behind pass', () => {
    const { table, told, ask } = rig();
    ask('r1', read('x'));
    const writer = ask('w', write('x'));
    ask('r2', read('x'));
    table.cancel(writer);
    expect(told).toEqual(['r2']);
    expect(writer.isHeld).toBe(false);
  });

  it('returns keys that were reserved while others were waited for', () => {
    const { table, told, ask } = rig();
    const holder = ask('x', write('x'));
    const both = ask('xy', write('x', 'y'));
    ask('y', write('y'));
    table.cancel(both);
    expect(told).toEqual(['y']);
    table.release(holder);
    expect(table.size).toBe(1);
  });

  it('has no effect on a ticket that is held, and releasing twice none at all', () => {
    const { table, told, ask } = rig();
    const holder = ask('a', write('x'));
    const second = ask('b', write('x'));
    table.cancel(holder);
    expect(told).toEqual([]);
    table.release(holder);
    table.release(holder);
    table.cancel(holder);
    expect(told).toEqual(['b']);
    expect(second.isHeld).toBe(true);
    expect(ask('c', write('x')).isHeld).toBe(false);
  });

  it('of most behind a long holder changes nothing for the others', () => {
    const { table, told, ask } = rig();
    let holder = ask('holder', write('x'));
    const kept: LockTicket[] = [];
    for (let number = 0; number < 1000; number++) {
      const ticket = ask(`${number}`, write('x'));
      if (number % 100 === 0) kept.push(ticket);
      else table.cancel(ticket);
    }
    for (const ticket of kept) {
      table.release(holder);
      holder = ticket;
    }
    expect(told).toEqual(['0', '100', '200', '300', '400', '500', '600', '700', '800', '900']);
    table.release(holder);
    expect(table.size).toBe(0);
  });
});

describe('calls from within onGranted', () => {
  it('are told after the one that made them, never within request', () => {
    const table = new LockTable();
    const log: string[] = [];
    const first = table.request(write('x'), () => {});
    const second: LockTicket = table.request(write('x'), () => {
      log.push('second begins');
      expect(second.isHeld).toBe(true);
      const other = table.request(write('y'), () => log.push('never'));
      expect(other.isHeld).toBe(true);
      const behind = table.request(write('y'), () => log.push('behind'));
      expect(behind.isHeld).toBe(false);
      table.release(other);
      expect(behind.isHeld).toBe(false);
      table.release(second);
      log.push('second ends');
    });
    table.request(write('x'), () => log.push('third'));
    table.release(first);
    expect(log).toEqual(['second begins', 'second ends', 'behind', 'third']);
  });

  it('may give up a ticket that is complete but was not told: it never is', () => {
    const table = new LockTable();
    const told: string[] = [];
    const writer = table.request(write('x'), () => {});
    let second: LockTicket | undefined;
    table.request(read('x'), () => {
      told.push('first');
      if (second !== undefined) table.cancel(second);
    });
    second = table.request(read('x'), () => told.push('second'));
    table.request(read('x'), () => told.push('third'));
    table.release(writer);
    expect(told).toEqual(['first', 'third']);
    expect(second.isHeld).toBe(false);
  });

  it('need no stack, however long the chain', () => {
    const table = new LockTable();
    let count = 0;
    const first = table.request(write('x'), () => {});
    for (let index = 0; index < 100_000; index++) {
      const ticket: LockTicket = table.request(write('x'), () => {
        count++;
        table.release(ticket);
      });
    }
    table.release(first);
    expect(count).toBe(100_000);
    expect(table.size).toBe(0);
  });

  it('that throw keep nobody else from being told', () => {
    const { table, told, ask } = rig();
    const writer = ask('w', write('x'));
    table.request(read('x'), () => {
      throw new Error('first');
    });
    ask('r', read('x'));
    expect(() => table.release(writer)).toThrow('first');
    expect(told).toEqual(['r']);
    expect(() => ask('more', read('x'))).not.toThrow();
  });
});

describe('what locks returns', () => {
  it('is one lock, several or none', () => {
    expect(resolveLocks(undefined)).toEqual([]);
    expect(resolveLocks('a')).toEqual(write('a'));
    expect(resolveLocks({ key: 'a', mode: 'shared' })).toEqual(read('a'));
    expect(resolveLocks([])).toEqual([]);
    expect(resolveLocks(['a', { key: 'b', mode: 'exclusive' }, { key: 'c', mode: 'shared' }])).toEqual([
      ...write('a', 'b'),
      ...read('c'),
    ]);
  });

  it.each([
    [null, 'got null (object) as a lock'],
    [7, 'got 7 (number) as a lock'],
    ['', 'got "" as a lock'],
    [['a', ['b']], 'got an object (Array) as a lock'],
    [{ mode: 'shared' }, 'got an object (Object) as a lock'],
    [{ key: 5, mode: 'shared' }, 'got 5 (number) as the `key` of a lock'],
    [{ key: '', mode: 'shared' }, 'got "" as the `key` of a lock'],
    [{ key: 'a' }, 'got undefined (undefined) as the `mode` of a lock'],
    [{ key: 'a', mode: 'read' }, 'got "read" as the `mode` of a lock'],
    [Promise.resolve('a'), 'got an object (Promise) as a lock'],
  ])('is refused otherwise: %j', (value, message) => {
    let error: unknown;
    try {
      resolveLocks(value);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(OptionError);
    expect((error as OptionError).option).toBe('locks');
    expect((error as OptionError).message).toBe(
      `Expected \`locks\` to return non-empty strings, or { key, mode: 'shared' | 'exclusive' }, ${message}`,
    );
  });
});
