/** Types of the public API: what is inferred, and what is refused. */

import { createRuntime, type Outcome, type Report, type TaskContext, task } from 'heddle';
import { expectTypeOf, test } from 'vitest';

declare function thumbnail(path: string): Promise<{ width: number }>;
declare function withServices(
  input: number,
  ctx: TaskContext<{ lookup(name: string): Promise<boolean> }>,
): string;
declare function withContext(input: Date, ctx: TaskContext): number;

const runtime = createRuntime();
const module = new URL('file:///task.js');

test('input and value are inferred from the task module', () => {
  const run = runtime.run(task<typeof thumbnail>(module), ['a.png']);

  expectTypeOf(run.values()).resolves.toEqualTypeOf<{ width: number }[]>();
  expectTypeOf(run.outcomes()).resolves.toEqualTypeOf<Outcome<{ width: number }>[]>();
  expectTypeOf(run.report()).resolves.toEqualTypeOf<Report>();
});

test('a wrong input is refused', () => {
  // @ts-expect-error the task takes paths, not numbers
  runtime.run(task<typeof thumbnail>(module), [1, 2]);
  // @ts-expect-error the task takes dates, not strings
  runtime.run(task<typeof withContext>(module), ['2026']);
});

test('closures are inferred as well', () => {
  expectTypeOf(runtime.run((n: number) => String(n), [1]).values()).resolves.toEqualTypeOf<string[]>();
  expectTypeOf(runtime.run(async (n: number) => n, new Set([1])).values()).resolves.toEqualTypeOf<number[]>();
});

test('services are demanded and checked', () => {
  runtime.run(task<typeof withServices>(module), [1], { services: { lookup: async (name) => name === 'x' } });
  // @ts-expect-error the task calls a service that is not offered
  runtime.run(task<typeof withServices>(module), [1], { services: {} });
  // @ts-expect-error the task calls services, so they must be given
  runtime.run(task<typeof withServices>(module), [1]);
  const wrong = { lookup: async (name: number) => name === 1 };
  // @ts-expect-error lookup takes a string
  runtime.run(task<typeof withServices>(module), [1], { services: wrong });
});

test('a module whose type is not named takes anything', () => {
  expectTypeOf(runtime.run(task(module), [1, 'a']).values()).resolves.toEqualTypeOf<unknown[]>();
});

test('a service call is checked within the task', () => {
  const body = (_: number, ctx: TaskContext<{ lookup(name: string): boolean }>) => {
    expectTypeOf(ctx.services.lookup('a')).resolves.toEqualTypeOf<boolean>();
    // @ts-expect-error lookup takes a string
    return ctx.services.lookup(1);
  };
  expectTypeOf(body).toBeFunction();
});

test('an outcome is a discriminated union', () => {
  const look = (outcome: Outcome<number>) => {
    if (outcome.status === 'succeeded') expectTypeOf(outcome.value).toEqualTypeOf<number>();
    else expectTypeOf(outcome.error).toEqualTypeOf<Error>();
    // @ts-expect-error only a succeeded outcome has a value
    return outcome.value;
  };
  expectTypeOf(look).toBeFunction();
});

test('options are checked', () => {
  // @ts-expect-error there is no such option
  runtime.run((n: number) => n, [1], { concurency: 2 });
  // @ts-expect-error key is given the input
  runtime.run((n: number) => n, [1], { key: (input: string) => input });
  runtime.run((n: number) => n, [1], { key: (input) => input.toFixed(), maxFailures: '5%' });
});
