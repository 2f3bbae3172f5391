/** The flags of `heddle http call`. Those that `heddle run` has as well mean the same. */

import { InvalidArgumentError } from 'commander';
import type { Flag } from '../../shell/flag.js';
import { duration, integer, integerOr, notEmpty, type Rate, rate } from '../../shell/flag-values.js';

/** The parsed flags; undefined means not given. */
export interface HttpCallFlags {
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
  readonly quiet?: true;
  readonly verbose?: true;
  readonly color: boolean;
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
    help: 'the YAML file of the service (default: services/<name>.yaml, .heddle/services/<name>.yaml, the folders of HEDDLE_SERVICES)',
    parse: notEmpty,
    isFile: true,
  },
  {
    spec: '--param <name=value>',
    group: ITEMS,
    help: 'a parameter, for every item; beats those of items. Given twice for one name it is a list (repeatable)',
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
    help: 'the items: .json (array), .ndjson or .jsonl (one object a line), .csv; - is stdin, an array or one object a line',
    parse: notEmpty,
    isFile: true,
  },
  {
    spec: '--parallel',
    group: SPEED,
    help: 'several items at once: 5, or as many as -c says (default: one after the other)',
  },
  {
    spec: '-c, --concurrency <n|auto>',
    group: SPEED,
    help: 'items at once, at most; the service may allow fewer. auto: as many as the API bears',
    parse: integerOr('auto', 1, 1_000_000),
  },
  {
    spec: '--rate-limit <n/unit>',
    group: SPEED,
    help: 'requests in any window of that length, retries included, never more: 20/s, 100/m, 1000/h',
    parse: rate,
  },
  {
    spec: '--burst <n>',
    group: SPEED,
    help: 'requests that may go at once before the rate holds them back',
    parse: integer(1, 1_000_000),
  },
  { spec: '--fail-fast', group: FAILURES, help: 'stop at the first failure; running requests are cut off' },
  {
    spec: '--timeout <duration>',
    group: FAILURES,
    help: 'longest time for one attempt, such as 500ms, 5s (default: what the endpoint says, else 30s)',
    parse: duration(1),
  },
  {
    spec: '--retry <n>',
    group: FAILURES,
    help: 'up to n attempts more after one that failed for a passing reason (default: what the endpoint says, else 0)',
    parse: integer(0, 999),
  },
  {
    spec: '--retry-unsafe',
    group: FAILURES,
    help: 'repeat also what may have had an effect, such as a POST',
  },
  {
    spec: '--idempotency-key',
    group: FAILURES,
    help: 'send an Idempotency-Key, the same for each attempt of an item, also after a resume; makes a POST repeatable',
  },
  {
    spec: '--session <name|dir>',
    group: SESSION,
    help: 'keep answers there; the same command sends again only what has none: a name under .heddle/sessions/, or a folder',
    parse: notEmpty,
  },
  { spec: '--retry-failed', group: SESSION, help: 'with --session: send again what failed' },
  {
    spec: '--output <format>',
    group: SHOWN,
    help: 'json (an array), ndjson (one answer a line, with its index) or pretty (default: json)',
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
