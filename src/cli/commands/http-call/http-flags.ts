/** The flags of `heddle http call`. A flag that `heddle run` has as well means the same. */

import { InvalidArgumentError } from 'commander';
import type { Flag } from '../../shell/flag.js';
import { duration, integer, integerOr, notEmpty, type Rate, rate } from '../../shell/flag-values.js';
import type { CommonFlags } from '../../shell/shell.js';

/** The parsed flags; undefined means not given. */
export interface HttpCallFlags extends CommonFlags {
  readonly service?: string;
  readonly param?: Readonly<Record<string, unknown>>;
  readonly batchJson?: string;
  readonly batchFile?: string;
  readonly parallel?: true;
  readonly concurrency?: number | 'auto';
  readonly rateLimit?: Rate;
  readonly burst?: number;
  readonly failFast?: true;
  readonly timeout?: number;
  readonly retry?: number;
  readonly retryUnsafe?: true;
  readonly idempotencyKey?: true;
  readonly correlationHeader?: string;
  readonly session?: string;
  readonly retryFailed?: true;
  readonly output?: 'json' | 'ndjson' | 'pretty';
  readonly progress?: true;
  readonly dryRun?: true;
}

const ITEMS = 'Items:';
const SPEED = 'Speed:';
const FAILURES = 'Failures and time:';
const SESSION = 'Session:';
const SHOWN = 'What is shown:';

export const HTTP_CALL_FLAGS: readonly Flag[] = [
  {
    spec: '--service <file>',
    group: ITEMS,
    help:
      'the YAML file of the service ' +
      '(default: <name>.yaml in services/, .heddle/services/, HEDDLE_SERVICES)',
    parse: notEmpty,
    isFile: true,
  },
  {
    spec: '--param <name=value>',
    group: ITEMS,
    help: 'a parameter for every item; overrides those of items; repeat a name for a list (repeatable)',
    parse: parameter,
  },
  {
    spec: '--batch-json <json>',
    group: ITEMS,
    help: 'the items: a JSON array of objects of parameters',
    parse: notEmpty,
    conflicts: 'batchFile',
  },
  {
    spec: '--batch-file <file>',
    group: ITEMS,
    help: 'the items: .json (array), .ndjson or .jsonl (one object per line), .csv; - for stdin',
    parse: notEmpty,
    isFile: true,
  },
  {
    spec: '--parallel',
    group: SPEED,
    help: 'several items at once: 5, or the number of -c (default: one after the other)',
  },
  {
    spec: '-c, --concurrency <n|auto>',
    group: SPEED,
    help: 'most items at once; the service may allow fewer; auto: find out how many the API can take',
    parse: integerOr('auto', 1, 1_000_000),
  },
  {
    spec: '--rate-limit <n/unit>',
    group: SPEED,
    help: 'most requests in any window of that length, retries included: 20/s, 100/m, 1000/h',
    parse: rate,
  },
  {
    spec: '--burst <n>',
    group: SPEED,
    help: 'requests that may start at once before the rate delays them',
    parse: integer(1, 1_000_000),
  },
  { spec: '--fail-fast', group: FAILURES, help: 'stop at the first failure; running requests are cut off' },
  {
    spec: '--timeout <duration>',
    group: FAILURES,
    help: 'longest time for one attempt, such as 500ms, 5s (default: that of the endpoint, else 30s)',
    parse: duration(1),
  },
  {
    spec: '--retry <n>',
    group: FAILURES,
    help: 'up to n further attempts after a temporary failure (default: that of the endpoint, else 0)',
    parse: integer(0, 999),
  },
  {
    spec: '--retry-unsafe',
    group: FAILURES,
    help: 'also repeat requests that may have had an effect, such as a POST',
  },
  {
    spec: '--idempotency-key',
    group: FAILURES,
    help: 'send an Idempotency-Key, the same for all attempts of an item; makes a POST repeatable',
  },
  {
    spec: '--session <name|dir>',
    group: SESSION,
    help: 'keep answers in a name under .heddle/sessions/, or a folder; the same command then continues',
    parse: notEmpty,
  },
  { spec: '--retry-failed', group: SESSION, help: 'with --session: send failed items again' },
  {
    spec: '--output <format>',
    group: SHOWN,
    help: 'json (an array), ndjson (one answer per line, with its index) or pretty (default: json)',
    choices: ['json', 'ndjson', 'pretty'],
  },
  {
    spec: '--progress',
    group: SHOWN,
    help: 'on stderr: a bar on a terminal, else lines "Progress: c/t completed, r running, f failed"',
  },
  {
    spec: '--correlation-header <name>',
    group: SHOWN,
    help: 'send the id of each attempt in this header, as --verbose shows it',
    parse: headerName,
  },
  { spec: '--quiet', group: SHOWN, help: 'nothing on stderr but errors', conflicts: 'verbose' },
  { spec: '--verbose', group: SHOWN, help: 'each request, failure and retry; stack traces of errors' },
  { spec: '--no-color', group: SHOWN, help: 'no colours (NO_COLOR does the same)' },
  {
    spec: '--dry-run',
    group: SHOWN,
    help: 'check everything, show the first requests without secrets, send nothing',
  },
];

/** "name=value", collected; a name given twice holds a list. */
function parameter(text: string, previous: unknown): Record<string, unknown> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Expected name=value, such as id=7.');
  const name = text.slice(0, at);
  const value = text.slice(at + 1);
  const before = Object.entries((previous ?? {}) as Record<string, unknown>);
  const earlier = before.find(([each]) => each === name)?.[1];
  const all = earlier === undefined ? value : [earlier, value].flat();
  // From pairs, so that a parameter may have any name.
  return Object.fromEntries([...before.filter(([each]) => each !== name), [name, all]]);
}

function headerName(text: string): string {
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the name of a header, such as X-Request-Id.');
}
