/**
 * What a failed attempt means: whether and when it is worth another one, and whom it concerns.
 *
 * The chain of causes is searched from the outside in. The first error with a sign known to verdict-tables.ts
 * decides. Within one error the most specific sign counts: codes of heddle, codes of the service, the text,
 * the HTTP status, codes of databases, codes of the network, the name. So a `TypeError: fetch failed` is what
 * its cause is. If nothing in the chain is known, a mistake in the task's own code (a TypeError and its like)
 * is permanent, and anything else is transient.
 *
 * Pure and total: any value may have been thrown, and none makes `classifyError` throw.
 */

import { OptionError } from '../../../protocol/errors.js';
import { describe } from '../../../protocol/serialized-error.js';
import { nearest } from '../../../text/nearest.js';
import type { Verdict } from '../lane-options.js';
import { type Announced, announcedWaitMs } from './announced-limits.js';
import { read, type Signs, signsOf } from './error-signs.js';
import * as tables from './verdict-tables.js';

const MAX_CAUSES = 5;
const MAX_ERRORS = 20;
/** Where one success of several would have been enough, the failure with the best prospects counts. */
const BY_PROSPECT: readonly Verdict['kind'][] = ['throttle', 'lock', 'transient', 'permanent'];
const SCOPES = ['task', 'account', 'lane'];

type FieldCheck = readonly [isValid: (value: unknown) => boolean, expectation: string];

/** What each field of a verdict may hold. */
const VERDICT_FIELDS: Readonly<Record<keyof Verdict, FieldCheck>> = {
  kind: [oneOf(BY_PROSPECT), `the kind ${quoted(BY_PROSPECT)}`],
  delayMs: [(value) => Number.isFinite(value) && Number(value) >= 0, 'a `delayMs` of 0 or more milliseconds'],
  scope: [oneOf(SCOPES), `the \`scope\` ${quoted(SCOPES)}`],
  isOverload: [isFlag, 'true or false for `isOverload`'],
  mayHaveHappened: [isFlag, 'true or false for `mayHaveHappened`'],
};

/**
 * Returns heddle's own verdict on a failed attempt.
 *
 * @param epochMs - ms since 1970, for headers that name a point in time in answers without a date
 */
export function classifyError(error: unknown, epochMs: number): Verdict {
  try {
    // A copy, because the caller's `classify` gets it and must not change the tables.
    return { ...(inChain(error, epochMs, MAX_CAUSES) ?? whenUnknown(error)) };
  } catch {
    // A proxy may throw at any access.
    return { ...tables.NOT_DONE };
  }
}

/**
 * Completes what the caller's `classify` returned. Fields that it leaves out stay as usual, except that a
 * verdict of another kind has the usual scope of its kind.
 *
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 */
export function resolveVerdict(answer: Verdict | Verdict['kind'], usual: Verdict): Verdict {
  const { kind, delayMs, scope, isOverload, mayHaveHappened } = checkedVerdict(answer);
  return {
    kind,
    delayMs: delayMs ?? (kind === 'permanent' ? undefined : usual.delayMs),
    scope: scope ?? (kind === usual.kind ? usual.scope : undefined),
    isOverload: isOverload ?? usual.isOverload,
    mayHaveHappened: mayHaveHappened ?? usual.mayHaveHappened,
  };
}

function checkedVerdict(answer: unknown): Verdict {
  const given = typeof answer === 'string' ? { kind: answer } : answer;
  if (typeof given !== 'object' || given === null) throw invalid('a verdict or its kind', answer);
  if (typeof read(given, 'then') === 'function') throw invalid('a verdict at once, not a promise', answer);
  const verdict = given as Verdict;
  for (const [name, [isValid, expectation]] of Object.entries(VERDICT_FIELDS)) {
    const value: unknown = verdict[name as keyof Verdict];
    if ((value !== undefined || name === 'kind') && !isValid(value)) throw invalid(expectation, value);
  }
  const unknown = Object.keys(verdict).find((name) => !Object.hasOwn(VERDICT_FIELDS, name));
  if (unknown !== undefined) throw unknownField(unknown);
  return verdict;
}

function oneOf(choices: readonly unknown[]): FieldCheck[0] {
  return (value) => choices.includes(value);
}

function isFlag(value: unknown): boolean {
  return typeof value === 'boolean';
}

function inChain(error: unknown, epochMs: number, causesLeft: number): Verdict | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const signs = signsOf(error, epochMs);
  const verdict = ofSigns(signs);
  const isLast = causesLeft === 0;
  if (verdict !== undefined && signs.status === undefined && ofNetwork(signs) !== undefined && !isLast)
    return ofSeveral(error, epochMs, causesLeft) ?? verdict;
  if (verdict !== undefined || isLast) return verdict;
  return inChain(read(error, 'cause'), epochMs, causesLeft - 1) ?? ofSeveral(error, epochMs, causesLeft);
}

/** The errors of an AggregateError: of `Promise.any`, or of a connection to a host of several addresses. */
function ofSeveral(error: object, epochMs: number, causesLeft: number): Verdict | undefined {
  const errors = read(error, 'errors');
  if (!Array.isArray(errors)) return undefined;
  const verdicts = errors
    .slice(0, MAX_ERRORS)
    .flatMap((each) => inChain(each, epochMs, causesLeft - 1) ?? []);
  const kind = BY_PROSPECT.find((each) => verdicts.some((verdict) => verdict.kind === each));
  const best = verdicts.filter((verdict) => verdict.kind === kind);
  const [first] = best;
  if (first === undefined) return undefined;
  const delays = best.flatMap(({ delayMs }) => delayMs ?? []);
  return {
    ...first,
    ...(delays.length > 0 && { delayMs: Math.max(...delays) }),
    ...(verdicts.some(({ isOverload }) => isOverload) && { isOverload: true }),
    ...(verdicts.some(({ mayHaveHappened }) => mayHaveHappened) && { mayHaveHappened: true }),
  };
}

function ofSigns(signs: Signs): Verdict | undefined {
  const { announced, status } = signs;
  const verdict = ofCodes(signs) ?? ofStatus(signs) ?? ofDatabase(signs) ?? ofNetwork(signs) ?? ofName(signs);
  if (announced.shouldRetry === undefined || verdict === undefined) return verdict;
  if ((verdict.kind === 'permanent') !== announced.shouldRetry) return verdict;
  if (!announced.shouldRetry) return { ...verdict, kind: 'permanent', delayMs: undefined, scope: undefined };
  const usual = ofStatus(signs);
  if (usual !== undefined && usual.kind !== 'permanent') return usual;
  return withDelay((status ?? 0) >= 500 ? tables.UNKNOWN : tables.NOT_DONE, announced);
}

function ofCodes(signs: Signs): Verdict | undefined {
  const { codes, serviceCodes, announced, texts } = signs;
  for (const code of codes) if (tables.HEDDLE_CODES.has(code)) return tables.HEDDLE_CODES.get(code);
  const printed = texts.flatMap((text) => tables.DATAVERSE_CODE.exec(text)?.[0].toLowerCase() ?? []);
  const code = [...serviceCodes, ...printed].find((each) => tables.SERVICE_CODES.has(each));
  const verdict =
    (code === undefined ? undefined : tables.SERVICE_CODES.get(code)) ??
    tables.TEXTS.find(([pattern]) => texts.some((text) => pattern.test(text)))?.[1];
  if (verdict === undefined) return undefined;
  // Dataverse asks for a delay here too. Fewer concurrent calls are what helps, so the others need not wait.
  if (code !== undefined && tables.DATAVERSE_CONCURRENCY.has(code))
    return { ...withDelay(verdict, announced), scope: 'task' };
  return withDelay(verdict, announced);
}

function ofStatus(signs: Signs): Verdict | undefined {
  const { status, announced, texts } = signs;
  if (status === undefined) return undefined;
  if (status === 429 || (status === 403 && isLimit(signs))) return ofLimit(announced, texts);
  const other = status < 500 ? tables.PERMANENT : tables.UNKNOWN;
  return withDelay(tables.STATUS.get(status) ?? other, announced);
}

/** GitHub answers 403 for its limits. */
function isLimit({ announced, texts }: Signs): boolean {
  return (
    announced.retryAfterMs !== undefined ||
    announced.windows.some(({ remaining }) => remaining === 0) ||
    texts.some((text) => tables.LIMIT_TEXT.test(text))
  );
}

/** Too many calls: per window if the answer says until when, else concurrently. */
function ofLimit(announced: Announced, texts: readonly string[]): Verdict {
  const isSecondary = texts.some((text) => tables.SECONDARY_LIMIT_TEXT.test(text));
  const delayMs = announcedWaitMs(announced) ?? (isSecondary ? tables.SECONDARY_LIMIT_MS : undefined);
  const isOverload = delayMs === undefined || texts.some((text) => tables.CONCURRENCY_TEXT.test(text));
  return { kind: 'throttle', ...(delayMs !== undefined && { delayMs }), ...(isOverload && { isOverload }) };
}

/** Adds the delay that the answer asked for. It concerns the whole account if the provider is overloaded. */
function withDelay(verdict: Verdict, announced: Announced): Verdict {
  const isThrottle = verdict.kind === 'throttle';
  if (!isThrottle && verdict.kind !== 'transient') return verdict;
  const delayMs = isThrottle ? announcedWaitMs(announced) : announced.retryAfterMs;
  if (delayMs === undefined) return verdict;
  return { ...verdict, delayMs, ...(!isThrottle && verdict.isOverload && { scope: 'account' as const }) };
}

function ofDatabase({ codes, errno, sqliteCode, innerCode }: Signs): Verdict | undefined {
  for (const code of codes) {
    if (code === tables.PRISMA_RAW_QUERY) return sqlVerdict(innerCode ?? '') ?? tables.PERMANENT;
    const verdict = tables.SQL_CODES.get(code);
    if (verdict !== undefined) return verdict;
    if (tables.PRISMA_CODE.test(code)) return tables.PERMANENT;
  }
  const byNumber = errno === undefined ? undefined : tables.MYSQL_NUMBERS.get(errno);
  if (byNumber !== undefined) return byNumber;
  // The lower eight bits are the primary result code.
  if (sqliteCode !== undefined && tables.SQLITE_LOCKS.has(sqliteCode & 0xff)) return tables.LOCK;
  return codes.map(sqlVerdict).find((verdict) => verdict !== undefined);
}

function sqlVerdict(code: string): Verdict | undefined {
  const exact = tables.SQL_CODES.get(code) ?? tables.SQL_CODES.get(tables.SQLITE_CODE.exec(code)?.[0] ?? '');
  if (exact !== undefined || !tables.SQLSTATE.test(code)) return exact;
  return tables.SQL_CLASSES.get(code.slice(0, 2));
}

function ofNetwork({ codes, syscall = '' }: Signs): Verdict | undefined {
  const code = codes.find((each) => tables.NETWORK_CODES.has(each));
  if (code === undefined) return undefined;
  if (tables.CONNECTING.has(syscall)) return tables.NOT_DONE;
  const verdict = tables.NETWORK_CODES.get(code);
  const isOnItsWay = tables.TRANSFERRING.has(syscall) && verdict === tables.NOT_DONE;
  return isOnItsWay ? tables.UNKNOWN : verdict;
}

function ofName({ name }: Signs): Verdict | undefined {
  return tables.TIMEOUT_NAMES.has(name) ? tables.TIMED_OUT : undefined;
}

function whenUnknown(error: unknown): Verdict {
  if (!tables.PROGRAMMING_ERRORS.has(String(read(error, 'name')))) return tables.NOT_DONE;
  if (tables.FETCH_MESSAGES.has(String(read(error, 'message')))) return tables.UNKNOWN;
  let cause = read(error, 'cause');
  for (let depth = 0; depth < MAX_CAUSES && cause !== undefined; depth++) {
    if (read(cause, 'code') !== undefined) return tables.NOT_DONE;
    cause = read(cause, 'cause');
  }
  return tables.PERMANENT;
}

function quoted(choices: readonly unknown[]): string {
  return choices.map((choice) => JSON.stringify(choice)).join(' or ');
}

function invalid(expectation: string, value: unknown): OptionError {
  const hint = "return the second argument to keep heddle's own verdict";
  return new OptionError(
    'lane.classify',
    `Expected \`lane.classify\` to return ${expectation}, got ${describe(value)}; ${hint}`,
  );
}

function unknownField(name: string): OptionError {
  const fields = Object.keys(VERDICT_FIELDS);
  const meant = nearest(name, fields);
  const hint = meant === undefined ? `a verdict has ${fields.join(', ')}` : `did you mean \`${meant}\`?`;
  return new OptionError(
    'lane.classify',
    `\`lane.classify\` returned a verdict with unknown \`${name}\`; ${hint}`,
  );
}
