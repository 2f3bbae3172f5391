/**
 * Failures by message.
 *
 * Messages that differ in numbers, paths or quoted parts only are one group. The number of groups is bounded;
 * what comes after that is counted together.
 */

/** Tasks that failed in the same way. */
export interface FailureGroup {
  readonly name: string;
  /** Message of the first of them. */
  readonly message: string;
  readonly code: string | number | undefined;
  readonly count: number;
  /** Indexes of the first few of them. */
  readonly indexes: readonly number[];
}

const MAX_GROUPS = 200;
const MAX_INDEXES = 5;

/** Groups failures as they come. */
export class FailureGroups {
  /** Failures in all. */
  count = 0;
  readonly #groups = new Map<
    string,
    { name: string; message: string; code: string | number | undefined; count: number; indexes: number[] }
  >();

  add(index: number, error: Error): void {
    this.count++;
    const { code } = error as { code?: unknown };
    const shownCode = typeof code === 'string' || typeof code === 'number' ? code : undefined;
    let signature = `${error.name} ${shownCode ?? ''} ${signatureOf(error.message)}`;
    if (!this.#groups.has(signature) && this.#groups.size >= MAX_GROUPS) signature = 'other';
    let group = this.#groups.get(signature);
    if (group === undefined) {
      const isRest = signature === 'other';
      group = {
        name: isRest ? 'Other' : error.name,
        message: isRest ? 'failures of other kinds' : error.message,
        code: isRest ? undefined : shownCode,
        count: 0,
        indexes: [],
      };
      this.#groups.set(signature, group);
    }
    group.count++;
    if (group.indexes.length < MAX_INDEXES) group.indexes.push(index);
  }

  /** The groups, the most frequent first. */
  list(): FailureGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count);
  }
}

function signatureOf(message: string): string {
  return message
    .slice(0, 300)
    .replace(/(["'`]).*?\1/g, '$1…$1')
    .replace(/(?:\/[\w.@-]+){2,}/g, '/…')
    .replace(/\d+/g, 'N');
}
