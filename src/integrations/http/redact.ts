/**
 * Secrets: what they are, and how they are kept out of everything that is shown, recorded or returned.
 *
 * A service may echo a token in a body or an error, so every answer is redacted, not only what heddle itself
 * writes. A secret is recognised plain, percent-encoded, and in the base64 of `name:password`. One of fewer
 * than 4 characters is recognised as a whole text only: as a part it would occur in too many words.
 */

const MASK = '***';
/** Not `author`, not `max_tokens`. */
const SECRET_NAME = new RegExp(
  'authorization|(?:^|[-_])auth(?:$|[-_])|cookie|token(?!s)|secret|passw|' +
    '(?:api|access|private)[-_]?key|credential|signature',
  'i',
);
const LEAST_PART = 4;

/** Replaces secrets. */
export class Redactor {
  readonly #whole = new Set<string>();
  readonly #parts: RegExp | undefined;

  constructor(secrets: Iterable<string>) {
    const parts = new Set<string>();
    for (const secret of secrets) {
      if (secret === '') continue;
      this.#whole.add(secret);
      if (secret.length < LEAST_PART) continue;
      for (const form of [
        secret,
        encodeURIComponent(secret),
        new URLSearchParams({ s: secret }).toString().slice(2),
      ])
        parts.add(form);
    }
    // The longest alternative first, because the first match wins.
    const sorted = [...parts].sort((a, b) => b.length - a.length).map(escaped);
    this.#parts = sorted.length === 0 ? undefined : new RegExp(sorted.join('|'), 'g');
  }

  /** True when there is nothing to look for. */
  get isIdle(): boolean {
    return this.#whole.size === 0;
  }

  text(text: string): string {
    if (this.#whole.has(text)) return MASK;
    return this.#parts === undefined ? text : text.replace(this.#parts, MASK);
  }

  /** A value as JSON has it, with every text, name and number redacted; itself when nothing was found. */
  value(value: unknown): unknown {
    if (this.isIdle) return value;
    return this.#value(value);
  }

  #value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') return this.#whole.has(String(value)) ? MASK : value;
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) {
      const items = value.map((each) => this.#value(each));
      return items.every((each, i) => each === value[i]) ? value : items;
    }
    const before = Object.entries(value);
    const after = before.map(([name, each]) => [this.text(name), this.#value(each)] as const);
    const isSame = after.every(([name, each], i) => name === before[i]?.[0] && each === before[i]?.[1]);
    return isSame ? value : Object.fromEntries(after);
  }
}

/** True for names of headers and parameters whose values are secrets. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** A URL as it may be shown: parameters with secret names have no value. */
export function shownUrl(url: string, redactor: Redactor): string {
  const at = url.indexOf('?');
  if (at === -1) return redactor.text(url);
  const parameters = url
    .slice(at + 1)
    .split('&')
    .map((pair) => {
      const [name = ''] = pair.split('=', 1);
      return isSecretName(decoded(name)) ? `${name}=${MASK}` : pair;
    });
  return redactor.text(`${url.slice(0, at)}?${parameters.join('&')}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
