/**
 * Services: how many calls a second can tasks make to the caller, and does memory stay flat?
 *
 * The rate is measured inside the task, after a warm-up. The bare case is one message there and one back,
 * with a map of pending calls: the least that a call can be.
 */

import { bareCalls } from '../bare-calls.js';
import { createRuntime, task } from '../heddle.js';
import { type Case, type Figures, type Suite, sized, taskModule } from '../suite.js';
import type callService from '../tasks/call-service.js';

const CALLS = sized(1e5);
const WARM_UP = sized(2e4);
const offered = { add: (a: number, b: number) => a + b };

const megabytes = () => process.memoryUsage().rss / 2 ** 20;

function called(name: string, lanes: number, calls: number): Case {
  const measure = async (): Promise<Figures> => {
    const runtime = createRuntime({ threads: 1 });
    const reference = task<typeof callService>(taskModule('call-service'));
    const call = async (count: number) => {
      const [ms] = await runtime.run(reference, [{ calls: count, lanes }], { services: offered }).values();
      return ms ?? Number.NaN;
    };
    await call(WARM_UP);
    const before = megabytes();
    const ms = await call(calls);
    return { 'calls/s': (calls / ms) * 1000, 'growth, MB': megabytes() - before };
  };
  return { name, measure };
}

const SIXTEEN = 'heddle, 16 outstanding';

export const services: Suite = {
  name: 'services',
  question: 'How many calls a second from a task to the caller?',
  rounds: 5,
  warmUp: `threads started, ${WARM_UP} calls (with bare messages: a fifth of the calls that are measured)`,
  cases: [
    called(SIXTEEN, 16, CALLS),
    called('heddle, 1 outstanding', 1, CALLS / 4),
    { name: 'bare messages, 16 outstanding', measure: () => bareCalls(CALLS, 16) },
    { name: 'bare messages, 1 outstanding', measure: () => bareCalls(CALLS / 4, 1) },
  ],
  goals: [
    { what: '16 outstanding, calls/s', atLeast: 80_000, of: (figure) => figure(SIXTEEN, 'calls/s') },
    { what: 'growth over 1e5 calls, MB', atMost: 10, of: (figure) => figure(SIXTEEN, 'growth, MB') },
  ],
};
