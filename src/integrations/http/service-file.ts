/**
 * Service files: where they are looked for, and how they are read so that problems can be reported with their
 * lines.
 *
 *   a path                      that file
 *   a name, such as `github`    github.yaml or github.yml in ./services, .heddle/services, or a folder of
 *                               $HEDDLE_SERVICES
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { Document } from 'yaml';
import { HeddleError } from '../../main/index.js';
import { nearest } from '../../text/nearest.js';
import type { Path } from '../../text/schema.js';
import { checkService } from './service.js';
import type { Service, ServiceConfig } from './service-config.js';

/** Where services are looked for. */
export interface Whereabouts {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const EXTENSIONS = ['.yaml', '.yml'];

/**
 * Reads and checks a service.
 *
 * @param source - path of a file (with a slash, or ending in .yaml or .yml), name of a service, or a
 *   service as an object
 * @throws HeddleError HEDDLE_INVALID_OPTION naming file, line and key
 */
export async function loadService(
  source: string | ServiceConfig,
  whereabouts: Whereabouts = {},
): Promise<Service> {
  if (typeof source !== 'string') return checkService(source);
  const { cwd = process.cwd() } = whereabouts;
  const isPath = /[/\\]/.test(source) || /\.ya?ml$/i.test(source);
  return readService(isPath ? resolve(cwd, source) : findService(source, whereabouts), source);
}

function findService(name: string, { cwd = process.cwd(), env = process.env }: Whereabouts): string {
  const named = (env['HEDDLE_SERVICES'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const folders = [
    join(cwd, 'services'),
    join(cwd, '.heddle', 'services'),
    ...named.map((it) => resolve(cwd, it)),
  ];
  for (const folder of folders) {
    for (const extension of EXTENSIONS) {
      const path = join(folder, `${name}${extension}`);
      if (isFile(path)) return path;
    }
  }
  const guess = nearest(name, folders.flatMap(namesIn));
  const places = ['./services', '.heddle/services', ...named].join(', ');
  const hint = guess === undefined ? ';' : `; did you mean "${guess}"?`;
  throw refused(
    `there is no service "${name}"${hint} looked for ${name}.yaml and ${name}.yml in ${places}; ` +
      'name a file with --service <file>, or a folder in the environment variable HEDDLE_SERVICES',
  );
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => /^(.+)\.ya?ml$/.exec(name)?.[1] ?? []);
  } catch {
    return [];
  }
}

async function readService(path: string, shown: string): Promise<Service> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`;
    throw refused(`the service file ${shown} ${reason}; check the path`);
  }
  const { LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const file = shortName(path);
  const [problem] = document.errors;
  if (problem !== undefined)
    throw refused(`${file}:${lines.linePos(problem.pos[0]).line}: not YAML: ${problem.message}`);
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw refused(`${file}: not usable: ${(error as Error).message}`);
  }
  if (content === null || content === undefined)
    throw refused(`${file}: the file is empty; a service needs "serviceName", "baseUrl" and "endpoints"`);
  return checkService(content, (at) => `${file}:${lines.linePos(offsetOf(document, at)).line}`);
}

/** The path as the user would write it. */
function shortName(path: string): string {
  const cwd = `${process.cwd()}/`;
  return path.startsWith(cwd) ? path.slice(cwd.length) : path;
}

interface Node {
  readonly range?: readonly number[] | null;
  readonly items?: readonly unknown[];
  readonly source?: string;
  readonly resolve?: (document: Document) => Node | undefined;
}

/** Where the key at a path is; if there is no such key, where its parent is. */
function offsetOf(document: Document, path: Path): number {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const part of path) {
    const items = (node?.resolve?.(document) ?? node)?.items;
    const item = items?.find((each, i) => (typeof part === 'number' ? i === part : keyOf(each) === part)) as
      | { readonly key?: Node; readonly value?: Node }
      | Node
      | undefined;
    if (item === undefined) break;
    const isPair = 'key' in item;
    offset = (isPair ? item.key?.range?.[0] : (item as Node).range?.[0]) ?? offset;
    node = (isPair ? (item.value as Node | null) : (item as Node)) ?? null;
  }
  return offset;
}

function keyOf(item: unknown): string | undefined {
  const { key } = item as { readonly key?: { readonly value?: unknown } };
  return key?.value === undefined ? undefined : String(key.value);
}

function refused(message: string): HeddleError {
  return new HeddleError('HEDDLE_INVALID_OPTION', message);
}
