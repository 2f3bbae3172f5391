/**
 * Parses structured fields (RFC 9651), as far as `RateLimit` and `RateLimit-Policy` need them.
 *
 * A field is a list of items with parameters, `"burst";q=100;w=60, "daily";q=1000;w=86400`; in older drafts
 * it is a dictionary, `limit=100, remaining=50, reset=5`. Inner lists do not occur. A field with an error
 * anywhere yields nothing: the standard forbids using the part before the error.
 */

/** A number, a boolean, or a text: a string, a token, or bytes in base64. */
export type BareItem = number | boolean | string;

/** A member of a list or a dictionary, with its parameters. */
export interface FieldMember {
  readonly item: BareItem;
  readonly parameters: ReadonlyMap<string, BareItem>;
}

const KEY = /[a-z*][a-z0-9_.*-]*/y;
const NUMBER = /-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y;
const STRING = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y;
const BYTES = /:([A-Za-z0-9+/=]*):/y;
const BOOLEAN = /\?([01])/y;

class Malformed extends Error {}

/** Returns the members of a list; none if it is malformed. */
export function listField(text: string): readonly FieldMember[] {
  return membersOf(text, (reader) => reader.member());
}

/** Returns the members of a dictionary; none if it is malformed. The last member of a name counts. */
export function dictionaryField(text: string): ReadonlyMap<string, FieldMember> {
  return new Map(
    membersOf(text, (reader): [string, FieldMember] => {
      const key = reader.key();
      return [key, reader.skip('=') ? reader.member() : { item: true, parameters: reader.parameters() }];
    }),
  );
}

function membersOf<T>(text: string, read: (reader: Reader) => T): T[] {
  const reader = new Reader(text.replace(/^ +| +$/g, ''));
  const members: T[] = [];
  try {
    while (!reader.isAtEnd) {
      members.push(read(reader));
      reader.whitespace();
      if (reader.isAtEnd) break;
      if (!reader.skip(',')) throw new Malformed();
      reader.whitespace();
      if (reader.isAtEnd) throw new Malformed();
    }
    return members;
  } catch (error) {
    if (error instanceof Malformed) return [];
    throw error;
  }
}

/** A position in the text of a field. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  whitespace(): void {
    while (this.skip(' ') || this.skip('\t'));
  }

  key(): string {
    return this.#match(KEY)?.[0] ?? malformed();
  }

  member(): FieldMember {
    const item = this.#bareItem();
    return { item, parameters: this.parameters() };
  }

  parameters(): ReadonlyMap<string, BareItem> {
    const parameters = new Map<string, BareItem>();
    while (this.skip(';')) {
      while (this.skip(' '));
      const key = this.key();
      parameters.set(key, this.skip('=') ? this.#bareItem() : true);
    }
    return parameters;
  }

  #bareItem(): BareItem {
    const string = this.#match(STRING);
    if (string !== null) return (string[1] as string).replace(/\\(["\\])/g, '$1');
    const number = this.#match(NUMBER);
    if (number !== null) return Number(number[0]);
    const token = this.#match(TOKEN);
    if (token !== null) return token[0];
    const boolean = this.#match(BOOLEAN);
    if (boolean !== null) return boolean[1] === '1';
    return this.#match(BYTES)?.[1] ?? malformed();
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }
}

function malformed(): never {
  throw new Malformed();
}
