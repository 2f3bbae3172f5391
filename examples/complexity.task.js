/**
 * Task module: how complex a JavaScript or TypeScript file is. Parsing is what makes it worth a thread.
 *
 *   input   a path
 *   value   { path, lines, functions, complexity: { sum, max }, longestFunction: { name, line, lines } }
 *
 * Cyclomatic complexity: 1 for the module and for each function in it, and 1 more for each branch. A file that
 * cannot be parsed fails with an error that names the place; in a batch only this task fails.
 */

import { readFileSync } from 'node:fs';
import { parse } from '@babel/parser';

const FORKS = /^(If|For|ForIn|ForOf|While|DoWhile)Statement$|^(Conditional|Logical)Expression$|^CatchClause$/;
const FUNCTIONS =
  /^(Function(Declaration|Expression)|ArrowFunctionExpression|(Object|Class|ClassPrivate)Method)$/;
const SKIPPED = new Set([
  'loc',
  'errors',
  'extra',
  'comments',
  'leadingComments',
  'innerComments',
  'trailingComments',
]);

/** @param {string} path */
export default function complexity(path) {
  const source = readFileSync(path, 'utf8');
  const units = unitsOf(parseFile(path, source));
  const functions = units.slice(1);
  const longest = functions.reduce(
    (most, each) => (each.lines > (most?.lines ?? 0) ? each : most),
    undefined,
  );
  return {
    path,
    lines: source.split('\n').length,
    functions: functions.length,
    complexity: {
      sum: units.reduce((sum, unit) => sum + unit.complexity, 0),
      max: units.reduce((max, unit) => Math.max(max, unit.complexity), 0),
    },
    longestFunction: longest && { name: longest.name, line: longest.line, lines: longest.lines },
  };
}

function parseFile(path, source) {
  try {
    return parse(source, { sourceType: 'unambiguous', errorRecovery: true, plugins: pluginsFor(path) })
      .program;
  } catch (cause) {
    const { line, column } = cause.loc ?? { line: 1, column: 0 };
    const reason = cause.message.replace(/ \(\d+:\d+\)$/, '');
    throw new SyntaxError(`${path}:${line}:${column + 1}: ${reason}`, { cause });
  }
}

function pluginsFor(path) {
  if (/\.d\.[cm]?ts$/.test(path)) return [['typescript', { dts: true }]];
  if (/\.[cm]?ts$/.test(path)) return ['typescript', 'decorators-legacy'];
  if (path.endsWith('.tsx')) return ['typescript', 'jsx', 'decorators-legacy'];
  return ['jsx', 'flow', 'decorators-legacy'];
}

/** The module and its functions, the module first. A work list, not recursion: generated code nests deep. */
function unitsOf(program) {
  const units = [{ name: '(module)', line: 1, lines: 0, complexity: 1 }];
  const work = [{ node: program, unit: units[0], name: undefined }];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { node } = next;
    let { unit } = next;
    if (FUNCTIONS.test(node.type)) {
      const { start, end } = node.loc;
      const name = node.id?.name ?? nameOf(node.key) ?? next.name ?? '(anonymous)';
      unit = { name, line: start.line, lines: end.line - start.line + 1, complexity: 1 };
      units.push(unit);
    } else if (FORKS.test(node.type) || (node.type === 'SwitchCase' && node.test !== null)) {
      unit.complexity++;
    }
    const name = nameOf(node.key ?? node.id ?? node.left);
    for (const child of childrenOf(node)) work.push({ node: child, unit, name });
  }
  return units;
}

function childrenOf(node) {
  return Object.entries(node)
    .flatMap(([key, value]) => (SKIPPED.has(key) ? [] : value))
    .filter((value) => typeof value?.type === 'string');
}

/** The name that a function gets from its place: a variable, a property, an assignment. */
function nameOf(node) {
  return (
    node?.name ??
    node?.property?.name ??
    node?.id?.name ??
    (node?.value === undefined ? undefined : String(node.value))
  );
}
