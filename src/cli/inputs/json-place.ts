/**
 * Where a text stops being JSON.
 *
 * `JSON.parse` names the place in some of its messages only, and each Node.js version words them differently.
 * Only texts that it refused come here, so speed does not matter.
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

type Step = 'value' | 'name' | 'after';

/** Reads values without recursion: `#open` holds the closing brackets that are due. */
class Scanner {
  readonly #text: string;
  readonly #open: ('}' | ']')[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): JsonProblem | undefined {
    let next: Step | JsonProblem | undefined = 'value';
    while (typeof next === 'string') {
      if (next === 'value') next = this.#value();
      else if (next === 'name') next = this.#name();
      else next = this.#after();
    }
    return next;
  }

  /** A scalar, or the start of a container. */
  #value(): Step | JsonProblem {
    if (this.#take('[')) {
      this.#open.push(']');
      return this.#peek() === ']' ? 'after' : 'value';
    }
    if (this.#take('{')) {
      this.#open.push('}');
      return this.#peek() === '}' ? 'after' : 'name';
    }
    if (this.#peek() === '"') return this.#string() ?? 'after';
    return this.#match(SCALAR) ? 'after' : this.#expected('a value');
  }

  #name(): Step | JsonProblem {
    if (this.#peek() !== '"') return this.#expected('a name in double quotes');
    return this.#string() ?? (this.#take(':') ? 'value' : this.#expected('":"'));
  }

  /** After a value: a closing bracket, a comma, or the end of the text. */
  #after(): Step | JsonProblem | undefined {
    const close = this.#open.at(-1);
    if (close === undefined)
      return this.#peek() === undefined ? undefined : this.#expected('the end of the text');
    if (this.#take(close)) {
      this.#open.pop();
      return 'after';
    }
    if (!this.#take(',')) return this.#expected(`"," or "${close}"`);
    return close === '}' ? 'name' : 'value';
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
