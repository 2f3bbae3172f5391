/**
 * Where a text stops being JSON.
 *
 * `JSON.parse` tells the place in some of its messages and not in others, differently in each Node.js version. Only texts that it
 * refused come here, so speed does not matter.
 */

const SPACE = /[ \t\r\n]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const STRING_START = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*/y;

/** What is wrong with a text that is not JSON. */
export interface JsonProblem {
  /** "expected a value, found 'x'" */
  readonly reason: string;
  /** Offset in the text. */
  readonly at: number;
}

/** Finds the first place at which a text is not JSON; undefined when it is JSON. */
export function findJsonProblem(text: string): JsonProblem | undefined {
  return new Scanner(text).scan();
}

/** Line and column, from 1, of an offset. */
export function lineAndColumn(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
}

/** Reads values without recursion: `open` holds the closing brackets that are due. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): JsonProblem | undefined {
    const open: ('}' | ']')[] = [];
    for (;;) {
      const problem = this.#value(open);
      if (problem !== undefined) return problem;
      // After a value: close what ends here, then either a comma with the next value, or the end.
      let close = open.at(-1);
      while (close !== undefined && this.#take(close)) {
        open.pop();
        close = open.at(-1);
      }
      if (close === undefined)
        return this.#peek() === undefined ? undefined : this.#expected('the end of the text');
      if (!this.#take(',')) return this.#expected(`"," or "${close}"`);
      if (close === '}') {
        const name = this.#name();
        if (name !== undefined) return name;
      }
    }
  }

  /** Reads a scalar, an empty container, or the start of containers down to their first scalar. */
  #value(open: ('}' | ']')[]): JsonProblem | undefined {
    for (;;) {
      if (this.#take('[')) {
        open.push(']');
        if (this.#peek() === ']') return undefined;
      } else if (this.#take('{')) {
        open.push('}');
        if (this.#peek() === '}') return undefined;
        const name = this.#name();
        if (name !== undefined) return name;
      } else if (this.#peek() === '"') {
        return this.#string();
      } else {
        return this.#match(SCALAR) ? undefined : this.#expected('a value');
      }
    }
  }

  #name(): JsonProblem | undefined {
    if (this.#peek() !== '"') return this.#expected('a name in double quotes');
    return this.#string() ?? (this.#take(':') ? undefined : this.#expected('":"'));
  }

  #string(): JsonProblem | undefined {
    if (this.#match(STRING)) return undefined;
    this.#match(STRING_START);
    const char = this.#text[this.#at];
    if (char === undefined) return { reason: 'a string that does not end', at: this.#at };
    return {
      reason: char === '\\' ? 'a bad escape in a string' : 'a line break or control character in a string',
      at: this.#at,
    };
  }

  #expected(what: string): JsonProblem {
    const char = this.#peek();
    return {
      reason: `expected ${what}, found ${char === undefined ? 'the end' : JSON.stringify(char)}`,
      at: this.#at,
    };
  }

  /** The next character that is not white space. */
  #peek(): string | undefined {
    this.#match(SPACE);
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? undefined : String.fromCodePoint(code);
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }
}
