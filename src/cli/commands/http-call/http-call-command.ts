/**
 * `heddle http call`: from the command line to its ending.
 *
 *   service → endpoint → items (checked) → (dry run) → answers → ending
 *
 * It uses the public API of the integration only. Nothing is sent before the service and all readable items
 * are checked.
 */

import { type Call, call, loadService, prepare, type Service } from '../../../integrations/http/index.js';
import { clampText, HeddleError } from '../../../main/index.js';
import { formatDuration, plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { BarDisplay } from '../../progress/bar.js';
import { type Display, noDisplay } from '../../progress/display.js';
import { EventLog } from '../../progress/event-log.js';
import { type Ending, EXIT, UsageError } from '../../shell/exit-codes.js';
import type { Shell } from '../../shell/shell.js';
import type { Signals } from '../../shell/signals.js';
import { hasUnicode, isLive, type Messages } from '../../shell/terminal.js';
import { makeHome, placeOf } from '../sessions/place.js';
import { Answers } from './answers.js';
import { dryRun } from './dry-run.js';
import type { HttpCallFlags } from './http-flags.js';
import { type CallItems, emptyBatch, openItems } from './items.js';
import { progressLines } from './progress-lines.js';

const DEFAULT_PARALLEL = 5;

/** Runs `heddle http call`. */
export async function httpCallCommand(
  [target]: readonly [target: string],
  flags: HttpCallFlags,
  shell: Shell,
): Promise<Ending> {
  const { messages } = shell;
  const signals = shell.catchSignals();
  refuseContradictions(flags);
  const { serviceName, endpoint } = parseTarget(target);
  const service = await loadService(fileOf(serviceName, flags));
  refuseOtherService(service, serviceName, flags);
  for (const warning of service.warnings) messages.warn(clean(warning));
  const prepared = prepare(service, endpoint, { params: flags.param });
  const items = await openItems(flags, { required: prepared.required, signal: signals.signal });
  if (flags.dryRun === true) return dryRun(prepared, items);
  await using running = call(service, endpoint, items.items, callOptions(flags, items));
  for (const clamp of running.clamps)
    if (flags.concurrency !== undefined || !clamp.reason.startsWith('the batch'))
      messages.info(clampText(clamp));
  const sending = { target, flags, items, messages, signals };
  return conclude(running, await sendAll(running, sending), sending);
}

function callOptions(flags: HttpCallFlags, { total }: CallItems): Parameters<typeof call>[3] {
  return {
    params: flags.param,
    concurrency: concurrencyOf(flags),
    rateLimit: flags.rateLimit,
    burst: flags.burst,
    failFast: flags.failFast,
    retry: flags.retry,
    retryUnsafe: flags.retryUnsafe,
    timeoutMs: flags.timeout,
    idempotencyKey: flags.idempotencyKey,
    correlationHeader: flags.correlationHeader,
    session: sessionOf(flags),
    retryFailed: flags.retryFailed,
    total,
  };
}

function concurrencyOf({ parallel, concurrency }: HttpCallFlags): number | 'auto' {
  return concurrency ?? (parallel === true ? DEFAULT_PARALLEL : 1);
}

function sessionOf({ session }: HttpCallFlags): string | undefined {
  if (session === undefined) return undefined;
  const place = placeOf(session, process.cwd());
  makeHome(place, process.cwd());
  return place.path;
}

/** The surroundings of a batch that is sent. */
interface Sending {
  readonly target: string;
  readonly flags: HttpCallFlags;
  readonly items: CallItems;
  readonly messages: Messages;
  readonly signals: Signals;
}

/** Sends the batch and writes its answers. */
async function sendAll(running: Call, sending: Sending): Promise<Answers> {
  const { flags, items, messages, signals } = sending;
  const display = displayOf(running, sending);
  signals.atOnce(() => display.stop());
  signals.connect({
    drain: (signal) => {
      const requests = running.progress.running;
      const what = requests === 0 ? 'nothing is in progress' : `waiting for ${plural(requests, 'request')}`;
      messages.info(`Stopping: ${what} (Ctrl-C again to stop now)`);
      running.drain(new HeddleError('HEDDLE_ABORTED', `The batch was stopped by ${signal}`));
    },
    abort: () => {
      messages.info('Stopping now: requests are cut off (once more to end at once)');
      running.abort();
    },
  });
  const watched = watch(running, display, messages);
  const isParallel = concurrencyOf(flags) !== 1 || flags.parallel === true;
  const answers = new Answers({
    format: flags.output ?? 'json',
    total: items.total,
    isSingle: items.isSingle,
    // In sequence, the first failure is the last answer; in parallel, each item has one.
    endsAtFailure: flags.failFast === true && !isParallel,
    erase: () => display.erase(),
    onError: (error) => running.abort(error),
  });
  try {
    await answers.writeAll(running);
    await watched;
    return answers;
  } finally {
    display.stop();
  }
}

function displayOf(running: Call, { target, flags, messages }: Sending): Display {
  if (flags.progress !== true || flags.quiet === true) return noDisplay;
  if (!isLive(process.stderr, process.env))
    return progressLines(
      () => running.progress,
      (line) => messages.line(line),
    );
  const { total, concurrency } = running;
  const display = new BarDisplay({
    label: clean(target),
    colors: messages.colors,
    isUnicode: hasUnicode(process.env),
  });
  display.starting();
  display.running(
    { total, threads: 1, concurrency, isInline: true, from: target },
    () => running.run.progress,
  );
  return display;
}

async function watch(running: Call, display: Display, messages: Messages): Promise<void> {
  const log = new EventLog(messages);
  for await (const event of running.run.events()) {
    if (event.type === 'progress') display.update(event.progress);
    log.show(event);
  }
}

function conclude(
  { report }: Call,
  { succeeded, failed, cancelled }: Answers,
  { flags, items, messages, signals: { received } }: Sending,
): Ending {
  const { batchFile, failFast, progress, session } = flags;
  if (items.total === undefined && report?.read === 0 && received === undefined)
    throw emptyBatch(batchFile === '-' ? 'stdin' : `--batch-file ${batchFile}`);
  const reason = report?.reason;
  if (reason !== undefined && received === undefined && failFast !== true)
    messages.warn(clean(reason.message));
  if (progress === true && report !== undefined) {
    const more = cancelled > 0 ? `, ${cancelled} cancelled` : '';
    messages.info(`${succeeded} succeeded, ${failed} failed${more}   ${formatDuration(report.wallMs)}`);
  }
  if (reason !== undefined && session !== undefined)
    messages.info(
      `the answers so far are kept in the session ${clean(session)}; the same command continues from there`,
    );
  if (received !== undefined) return { signal: received };
  return { code: failed + cancelled > 0 ? EXIT.failed : EXIT.ok };
}

function refuseContradictions({ burst, rateLimit, retryFailed, session }: HttpCallFlags): void {
  if (burst !== undefined && rateLimit !== undefined && burst > rateLimit.limit)
    throw new UsageError(`--burst ${burst} is more than the ${rateLimit.limit} requests of --rate-limit`);
  if (retryFailed === true && session === undefined)
    throw new UsageError('--retry-failed needs the session of the earlier run: add --session <name>');
}

/** "github.getUser": the name of an endpoint may contain dots, the name of a service may not. */
function parseTarget(target: string): { readonly serviceName: string; readonly endpoint: string } {
  const [, serviceName, endpoint] = /^([\w-]+)\.(.+)$/.exec(target) ?? [];
  if (serviceName !== undefined && endpoint !== undefined) return { serviceName, endpoint };
  throw new UsageError(`expected a service and its endpoint, such as github.getUser, got ${clean(target)}`);
}

function fileOf(serviceName: string, { service }: HttpCallFlags): string {
  if (service === undefined) return serviceName;
  // --service takes a file, so a bare name is a file in this folder, not the name of a service.
  return /[/\\]/.test(service) ? service : `./${service}`;
}

/** A mistyped name must not send a batch to another service. */
function refuseOtherService({ config }: Service, name: string, { service }: HttpCallFlags): void {
  if (config.serviceName === name) return;
  const { serviceName } = config;
  if (serviceName === name) return;
  const file = service ?? `the file of the service ${name}`;
  throw new UsageError(
    `${file} is about the service "${serviceName}", not "${name}"; write ${serviceName}.<endpoint>`,
  );
}
