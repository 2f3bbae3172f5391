/**
 * `heddle http call`: from the command line to its ending.
 *
 *   service → endpoint → items (checked) → (dry run) → answers → ending
 *
 * A customer of the integration's public API, as the rest of the command is one of the runtime's. Nothing is sent before everything that can
 * be known to be wrong has been told.
 */

import { type Call, call, loadService, prepare, type Service } from '../../../integrations/http/index.js';
import { clampText, HeddleError } from '../../../main/index.js';
import { formatDuration, plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { BarDisplay } from '../../progress/bar.js';
import { type Display, noDisplay } from '../../progress/display.js';
import { EventLog } from '../../progress/event-log.js';
import { type Ending, EXIT, Interrupted, UsageError } from '../../shell/exit-codes.js';
import { reportError } from '../../shell/fatal.js';
import { Signals } from '../../shell/signals.js';
import { hasUnicode, isLive, Messages } from '../../shell/terminal.js';
import { makeHome, placeOf } from '../sessions/place.js';
import { Answers } from './answers.js';
import { dryRun } from './dry-run.js';
import type { HttpCallFlags } from './http-flags.js';
import { type CallItems, emptyBatch, openItems } from './items.js';
import { progressLines } from './progress-lines.js';

const DEFAULT_PARALLEL = 5;

/** Runs `heddle http call`. What the user has to mend is told here; only bugs throw. */
export async function httpCallCommand(target: string, flags: HttpCallFlags): Promise<Ending> {
  const messages = new Messages({
    stream: process.stderr,
    env: process.env,
    color: flags.color,
    verbosity: flags.quiet === true ? 'quiet' : flags.verbose === true ? 'verbose' : 'normal',
    isJson: false,
  });
  const signals = new Signals();
  try {
    return await new HttpCall(target, flags, messages, signals).run();
  } catch (error) {
    if (error instanceof Interrupted && signals.received !== undefined) return { signal: signals.received };
    return reportError(error, messages);
  } finally {
    signals.close();
  }
}

class HttpCall {
  readonly #target: string;
  readonly #flags: HttpCallFlags;
  readonly #messages: Messages;
  readonly #signals: Signals;
  #call: Call | undefined;
  #display: Display = noDisplay;

  constructor(target: string, flags: HttpCallFlags, messages: Messages, signals: Signals) {
    this.#target = target;
    this.#flags = flags;
    this.#messages = messages;
    this.#signals = signals;
  }

  async run(): Promise<Ending> {
    const flags = this.#flags;
    refuseContradictions(flags);
    const { serviceName, endpoint } = parseTarget(this.#target);
    const service = await loadService(fileOf(serviceName, flags));
    refuseOtherService(service, serviceName, flags);
    for (const warning of service.warnings) this.#messages.warn(clean(warning));
    const prepared = prepare(service, endpoint, { params: flags.param });
    const items = await openItems(flags, {
      required: prepared.required,
      signal: this.#signals.signal,
      onCount: () => {},
    });
    if (flags.dryRun === true) return dryRun(prepared, items);
    return this.#send(service, endpoint, items);
  }

  async #send(service: Service, endpoint: string, items: CallItems): Promise<Ending> {
    const flags = this.#flags;
    const concurrency = concurrencyOf(flags);
    const isParallel = concurrency !== 1 || flags.parallel === true;
    await using running = call(service, endpoint, items.items, {
      params: flags.param,
      concurrency,
      rateLimit: flags.rateLimit,
      burst: flags.burst,
      failFast: flags.failFast,
      retry: flags.retry,
      retryUnsafe: flags.retryUnsafe,
      timeoutMs: flags.timeout,
      idempotencyKey: flags.idempotencyKey,
      correlationHeader: flags.correlationHeader,
      session: this.#session(),
      retryFailed: flags.retryFailed,
      total: items.total,
    });
    this.#call = running;
    const isAsked = flags.concurrency !== undefined;
    for (const clamp of running.clamps)
      if (isAsked || !clamp.reason.startsWith('the batch')) this.#messages.info(clampText(clamp));
    this.#display = this.#makeDisplay(running);
    this.#signals.atOnce(() => this.#display.stop());
    this.#signals.connect({ drain: (signal) => this.#drain(signal), abort: () => this.#abort() });
    const watched = this.#watch(running);
    const answers = new Answers({
      format: flags.output ?? 'json',
      total: items.total,
      isSingle: items.isSingle,
      // One after the other, the first failure is the last answer; side by side, each item has one.
      endsAtFailure: flags.failFast === true && !isParallel,
      erase: () => this.#display.erase(),
      onError: (error) => running.abort(error),
    });
    try {
      const isWritten = await answers.writeAll(running);
      await watched;
      this.#display.stop();
      return isWritten ? this.#conclude(running, answers, items) : { code: EXIT.ok };
    } finally {
      this.#display.stop();
    }
  }

  #conclude(running: Call, answers: Answers, { total }: CallItems): Ending {
    const { report } = running;
    const { received } = this.#signals;
    if (total === undefined && report?.read === 0 && received === undefined)
      throw emptyBatch(this.#flags.batchFile === '-' ? 'stdin' : `--batch-file ${this.#flags.batchFile}`);
    if (report?.reason !== undefined && received === undefined && this.#flags.failFast !== true)
      this.#messages.warn(clean(report.reason.message));
    if (this.#flags.progress === true && report !== undefined)
      this.#messages.info(
        `${answers.succeeded} succeeded, ${answers.failed} failed${answers.cancelled > 0 ? `, ${answers.cancelled} cancelled` : ''}   ${formatDuration(report.wallMs)}`,
      );
    if (report?.reason !== undefined && this.#flags.session !== undefined)
      this.#messages.info(
        `what has an answer is kept in the session ${clean(this.#flags.session)}; the same command goes on from there`,
      );
    if (received !== undefined) return { signal: received };
    return { code: answers.failed + answers.cancelled > 0 ? EXIT.failed : EXIT.ok };
  }

  #session(): string | undefined {
    const { session } = this.#flags;
    if (session === undefined) return undefined;
    const cwd = process.cwd();
    const place = placeOf(session, cwd);
    makeHome(place, cwd);
    return place.path;
  }

  #makeDisplay(running: Call): Display {
    if (this.#flags.progress !== true || this.#flags.quiet === true) return noDisplay;
    if (!isLive(process.stderr, process.env))
      return progressLines(
        () => running.progress,
        (line) => this.#messages.line(line),
      );
    const display = new BarDisplay({
      label: clean(this.#target),
      colors: this.#messages.colors,
      isUnicode: hasUnicode(process.env),
    });
    display.starting();
    const { total, concurrency } = running;
    display.running(
      { total, threads: 1, concurrency, isInline: true, from: this.#target },
      () => running.run.progress,
    );
    return display;
  }

  async #watch(running: Call): Promise<void> {
    const log = new EventLog(this.#messages);
    for await (const event of running.run.events()) {
      if (event.type === 'progress') this.#display.update(event.progress);
      log.show(event);
    }
  }

  #drain(signal: string): void {
    const running = this.#call?.progress.running ?? 0;
    const what = running === 0 ? 'nothing is under way' : `waiting for ${plural(running, 'request')}`;
    this.#messages.info(`Stopping: ${what} (Ctrl-C again to stop now)`);
    this.#call?.drain(new HeddleError('HEDDLE_ABORTED', `The batch was stopped by ${signal}`));
  }

  #abort(): void {
    this.#messages.info('Stopping now: requests are cut off (once more to end at once)');
    this.#call?.abort();
  }
}

function concurrencyOf({ parallel, concurrency }: HttpCallFlags): number | 'auto' {
  return concurrency ?? (parallel === true ? DEFAULT_PARALLEL : 1);
}

function refuseContradictions({ burst, rateLimit, retryFailed, session }: HttpCallFlags): void {
  if (burst !== undefined && rateLimit !== undefined && burst > rateLimit.limit)
    throw new UsageError(`--burst ${burst} is more than the ${rateLimit.limit} requests of --rate-limit`);
  if (retryFailed === true && session === undefined)
    throw new UsageError('--retry-failed needs the session of the earlier run: add --session <name>');
}

/** "github.getUser": a name of an endpoint may have dots, that of a service may not. */
function parseTarget(target: string): { readonly serviceName: string; readonly endpoint: string } {
  const [, serviceName, endpoint] = /^([\w-]+)\.(.+)$/.exec(target) ?? [];
  if (serviceName !== undefined && endpoint !== undefined) return { serviceName, endpoint };
  throw new UsageError(`expected a service and its endpoint, such as github.getUser, got ${clean(target)}`);
}

function fileOf(serviceName: string, { service }: HttpCallFlags): string {
  if (service === undefined) return serviceName;
  // A bare name is a file of that name here, not the name of a service.
  return /[/\\]/.test(service) ? service : `./${service}`;
}

/** A slip in the name must not send a batch to another service. */
function refuseOtherService({ config }: Service, name: string, { service }: HttpCallFlags): void {
  if (config.serviceName === name) return;
  throw new UsageError(
    `${service ?? `the file of the service ${name}`} is about the service "${config.serviceName}", not "${name}"; write ${config.serviceName}.<endpoint>`,
  );
}
