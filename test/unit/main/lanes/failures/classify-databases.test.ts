/** What failures of databases and their pools mean. */

import { describe, expect, it } from 'vitest';
import {
  failure,
  lock,
  notDone,
  overload,
  permanent,
  unknown,
  verdict,
} from '../../../../support/failures.js';

describe('databases', () => {
  it.each<[string, object, object]>([
    ['PostgreSQL: serialization', { code: '40001', severity: 'ERROR' }, lock],
    ['PostgreSQL: deadlock', { code: '40P01' }, lock],
    ['PostgreSQL: lock', { code: '55P03' }, lock],
    ['PostgreSQL: as sqlState', { sqlState: '40001' }, lock],
    ['PostgreSQL: too many connections', { code: '53300' }, overload],
    ['PostgreSQL: starting', { code: '57P03' }, overload],
    ['PostgreSQL: connection', { code: '08006' }, unknown],
    ['PostgreSQL: shut down', { code: '57P01' }, unknown],
    ['PostgreSQL: crash', { code: '57P02' }, unknown],
    ['PostgreSQL: cancelled', { code: '57014' }, permanent],
    ['PostgreSQL: unique', { code: '23505' }, permanent],
    ['PostgreSQL: no table', { code: '42P01' }, permanent],
    ['PostgreSQL: others', { code: 'XX000' }, notDone],
    ['MySQL: deadlock', { code: 'ER_LOCK_DEADLOCK', errno: 1213, sqlState: '40001' }, lock],
    ['MySQL: lock', { code: 'ER_LOCK_WAIT_TIMEOUT', errno: 1205, sqlState: 'HY000' }, lock],
    ['MySQL: by number', { errno: 1205 }, lock],
    ['MySQL: full', { code: 'ER_CON_COUNT_ERROR', errno: 1040, sqlState: '08004' }, overload],
    ['MySQL: full, by number', { errno: 1203, sqlState: '42000' }, overload],
    ['MySQL: lost', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }, unknown],
    ['MySQL: duplicate', { code: 'ER_DUP_ENTRY', errno: 1062, sqlState: '23000' }, permanent],
    ['SQLite: busy', { code: 'SQLITE_BUSY' }, lock],
    ['SQLite: busy, extended', { code: 'SQLITE_BUSY_SNAPSHOT' }, lock],
    ['SQLite: of Node', { code: 'ERR_SQLITE_ERROR', errcode: 517 }, lock],
    ['SQLite: of Node, a constraint', { code: 'ERR_SQLITE_ERROR', errcode: 2067 }, notDone],
    ['SQLite: constraint', { code: 'SQLITE_CONSTRAINT_UNIQUE' }, permanent],
    ['Prisma: conflict', { code: 'P2034' }, lock],
    ['Prisma: pool', { code: 'P2024' }, overload],
    ['Prisma: connections', { code: 'P2037' }, overload],
    ['Prisma: unreachable', { errorCode: 'P1001' }, notDone],
    ['Prisma: slow to reach', { code: 'P1002' }, notDone],
    ['Prisma: took too long', { code: 'P1008' }, unknown],
    ['Prisma: closed', { code: 'P1017' }, unknown],
    ['Prisma: transaction', { code: 'P2028' }, unknown],
    ['Prisma: raw, conflict', { code: 'P2010', meta: { code: '40001' } }, lock],
    ['Prisma: raw, connection', { code: 'P2010', meta: { code: '08006' } }, unknown],
    ['Prisma: raw, others', { code: 'P2010', meta: { code: 'XX000' } }, permanent],
    ['Prisma: unique', { code: 'P2002' }, permanent],
    ['a code of five letters', { code: 'EBADF' }, notDone],
    ['a number', { code: 40001 }, notDone],
    ["a code in somebody's answer", { status: 500, details: { code: '40001' } }, unknown],
  ])('%s', (_, fields, expected) => {
    expect(verdict(failure(fields))).toEqual(expected);
  });

  it('pools that nothing left', () => {
    const start = 'Transaction API error: Unable to start a transaction in the given time.';

    expect(verdict(failure({ code: 'P2028' }, start))).toEqual(overload);
    expect(verdict(failure({}, 'timeout exceeded when trying to connect'))).toEqual(overload);
    expect(verdict(failure({}, 'Knex: Timeout acquiring a connection. The pool is probably full'))).toEqual(
      overload,
    );
  });
});
