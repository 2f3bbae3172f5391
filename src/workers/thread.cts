/**
 * The file that Piscina loads in each thread: it only imports entry.js.
 *
 * Piscina tries `require` before `import`, and on Node 20.19 and later `require` of an ES module ends the
 * whole process (an assertion in Node) when the thread is terminated in the middle of it. A CommonJS file
 * that imports has no such moment.
 */

const entry = import('./entry.js');

module.exports = async (request: Parameters<Awaited<typeof entry>['default']>[0]) =>
  (await entry).default(request);
