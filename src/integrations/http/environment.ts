/**
 * Environment variables in a service: `${NAME}` in a text becomes the value of NAME when a call is prepared.
 *
 * All that is missing is told in one error, with its place, before anything is sent. Values that go into authentication, or under a
 * name that says so (`X-Api-Key`), are secrets from then on.
 */

import { HeddleError } from '../../main/index.js';
import { type Path, shownPath } from '../../text/schema.js';
import { placed } from './checks.js';
import { isSecretName } from './redact.js';
import type { Service } from './service-config.js';

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Puts values in, and remembers which of them are secrets. */
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

  /** An object with the variables in its texts replaced; what stands under a secret name is a secret. */
  record<T>(record: Readonly<Record<string, T>> | undefined, path: Path): Record<string, T> {
    const pairs = Object.entries(record ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' ? this.text(value, [...path, name], isSecretName(name)) : value,
    ]);
    return Object.fromEntries(pairs);
  }

  /** @throws HeddleError HEDDLE_INVALID_OPTION when a variable is not set */
  refuseMissing(): void {
    if (this.#missing.size === 0) return;
    const lines = [...this.#missing].map(([name, place]) => `${name} (needed by ${place})`);
    throw new HeddleError(
      'HEDDLE_INVALID_OPTION',
      lines.length === 1
        ? `the environment variable ${lines[0]} is not set; nothing was sent`
        : `${lines.length} environment variables of the service are not set; nothing was sent\n  ${lines.join('\n  ')}`,
    );
  }
}
