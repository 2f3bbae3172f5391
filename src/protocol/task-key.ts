/**
 * The default key of a task: a hash of its input.
 *
 * The input is written in a canonical text (properties sorted, every type that structured clone knows tagged), so that
 * equal inputs have equal keys in every process and every release. The key is the first 128 bits of its SHA-256 in
 * hexadecimal: of 1e9 different inputs, two collide with a probability below 1e-20.
 */

let hash: typeof import('node:crypto').hash | undefined;

/** Hashes an input to its key: 32 hexadecimal digits. */
export function taskKey(input: unknown): string {
  // Not imported: every thread and every start would pay for it, and most never ask for a key.
  hash ??= process.getBuiltinModule('node:crypto').hash;
  return hash('sha256', canonical(input, []), 'hex').slice(0, 32);
}

function canonical(value: unknown, path: unknown[]): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '0' : String(value);
    case 'object':
      return value === null ? 'null' : canonicalObject(value, path);
    default:
      return `${typeof value}:${String(value)}`;
  }
}

function canonicalObject(value: object, path: unknown[]): string {
  const above = path.indexOf(value);
  if (above !== -1) return `circular:${path.length - above}`;
  path.push(value);
  const text = canonicalContent(value, path);
  path.pop();
  return text;
}

function canonicalContent(value: object, path: unknown[]): string {
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each, path)).join(',')}]`;
  if (value instanceof Date) return `date:${value.getTime()}`;
  if (value instanceof RegExp) return `regexp:${String(value)}`;
  if (value instanceof Map) return `map:[${[...value].map((entry) => canonical(entry, path)).join(',')}]`;
  if (value instanceof Set) return `set:[${[...value].map((each) => canonical(each, path)).join(',')}]`;
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return `buffer:${Buffer.from(value).toString('base64')}`;
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return `${Object.prototype.toString.call(value).slice(8, -1)}:${bytes.toString('base64')}`;
  }
  if (value instanceof Error) return `error:${canonical([value.name, value.message], path)}`;
  const record = value as Record<string, unknown>;
  const fields = Object.keys(record).sort();
  return `{${fields.map((name) => `${JSON.stringify(name)}:${canonical(record[name], path)}`).join(',')}}`;
}
