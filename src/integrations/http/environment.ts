/**
 * Environment variables in a service: `${NAME}` in a text becomes the value of NAME when a call is prepared.
 *
 * One error names all missing variables and where they are needed, before anything is sent. The values used
 * for authentication, or under a name such as `X-Api-Key`, are secrets.
 */

import { HeddleError } from '../../main/index.js';
import { type Path, shownPath } from '../../text/schema.js';
import { placed } from './checks.js';
import { isSecretName } from './redact.js';
import type { Service } from './service-config.js';

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Replaces variables, and remembers which values are secrets. */
export class Environment {
  readonly secrets = new Set<string>();
  readonly #service: Service;
  readonly #env: NodeJS.ProcessEnv;
  readonly #missing = new Map<string, string>();

  constructor(service: Service, env: NodeJS.ProcessEnv) {
    this.#service = service;
    this.#env = env;
  }

  /** A text with its variables replaced. */
  text(text: string, path: Path, isSecret = false): string {
    const result = text.replace(VARIABLE, (_, name: string) => {
      const value = this.#env[name];
      if (value !== undefined && value !== '') return value;
      if (!this.#missing.has(name))
        this.#missing.set(name, placed(this.#service.place(path), `"${shownPath(path)}"`));
      return '';
    });
    if (isSecret) this.secrets.add(result);
    return result;
  }

  /** An object with the variables in its texts replaced. A value under the name of a secret is a secret. */
  record<T>(record: Readonly<Record<string, T>> | undefined, path: Path): Record<string, T> {
    const pairs = Object.entries(record ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' ? this.text(value, [...path, name], isSecretName(name)) : value,
    ]);
    return Object.fromEntries(pairs);
  }

  /** Remembers the texts whose names say that they are secrets. */
  keepSecrets(texts: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(texts))
      if (isSecretName(name) && typeof value === 'string') this.secrets.add(value);
  }

  /** @throws HeddleError HEDDLE_INVALID_OPTION when a variable is not set */
  refuseMissing(): void {
    if (this.#missing.size === 0) return;
    const lines = [...this.#missing].map(([name, place]) => `${name} (needed by ${place})`);
    const all = `${lines.length} environment variables of the service are not set; nothing was sent`;
    throw new HeddleError(
      'HEDDLE_INVALID_OPTION',
      lines.length === 1
        ? `the environment variable ${lines[0]} is not set; nothing was sent`
        : [all, ...lines].join('\n  '),
    );
  }
}
