/** What ends `heddle bench` before there is anything to compare. */

/** The task, not the command line, has to be mended: exit code 1, the message alone. */
export class BenchProblem extends Error {
  override readonly name = 'BenchProblem';
}

/** The time that `--max-time` gives is used up. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}
