/**
 * `--key`: the name of a task, from its input.
 *
 *   id              the field `id` of an object; `owner.id` goes into objects
 *   {host}/{path}   a template of fields
 *   {}              the input itself, when it is a string or number
 */

import { brief } from '../../text/shown-text.js';
import { UsageError } from './exit-codes.js';

/** Makes the key of an input. Throws a UsageError that names the field that is missing. */
export type KeyFunction = (input: unknown) => string;

/** @throws UsageError when the text is neither a field nor a template */
export function parseKey(text: string): KeyFunction {
  if (!/[{}]/.test(text)) return (input) => fieldOf(input, text);
  const parts = text.split(/\{([^{}]*)\}/);
  if (parts.some((part, i) => i % 2 === 0 && /[{}]/.test(part))) {
    throw new UsageError(`--key ${text}: a bracket is not closed; write a template such as {host}/{path}`);
  }
  return (input) => {
    let key = '';
    for (let i = 0; i < parts.length; i++) key += i % 2 === 0 ? parts[i] : fieldOf(input, parts[i] as string);
    return key;
  };
}

function fieldOf(input: unknown, path: string): string {
  const value = path === '' ? input : find(input, path);
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new UsageError(reason(input, path, value));
}

function find(input: unknown, path: string): unknown {
  if (typeof input !== 'object' || input === null) return undefined;
  if (Object.hasOwn(input, path)) return (input as Record<string, unknown>)[path];
  let value: unknown = input;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function reason(input: unknown, path: string, value: unknown): string {
  if (path === '') return '{} needs an input that is a string or number';
  if (typeof input !== 'object' || input === null)
    return `the input is not an object, so it has no field "${path}"; --key {} takes the input itself`;
  if (value === undefined) {
    const names = Array.isArray(input) ? 'it is an array' : brief(Object.keys(input).join(', '), 80);
    return `the input has no field "${path}" for --key; it has: ${names}`;
  }
  return value === ''
    ? `the field "${path}" for --key is empty`
    : `the field "${path}" for --key is neither a string nor a number`;
}
