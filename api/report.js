/**
 * The public types of heddle, held against the reports that stand beside this file. `npm run api` checks them and
 * `npm run api:update` writes them again. Both read dist, so build first.
 *
 * A report changes when a public type changes, and is reviewed with the change. A type that can be reached from
 * the public ones and is not exported itself is an error: users could not name it. The types of `heddle` count as
 * exported in `heddle/http`.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const ENTRIES = [
  { report: 'heddle', entry: 'main' },
  { report: 'heddle-http', entry: 'integrations/http' },
];
const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const isUpdate = process.argv.includes('--update');
const OFF = { logLevel: 'none', addToApiReportFile: false };

function configOf({ report, entry }) {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, 'dist', entry, 'index.d.ts'),
      compiler: { tsconfigFilePath: join(root, 'src', entry, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName: report,
        reportFolder: here,
        reportTempFolder: join(root, 'build', 'api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error', addToApiReportFile: false } },
        extractorMessageReporting: {
          default: { logLevel: 'error', addToApiReportFile: false },
          // Everything that is exported is public, and only what needs a comment has one.
          'ae-missing-release-tag': OFF,
          'ae-undocumented': OFF,
          // Some links lead to a type of another file that is in scope there under another name.
          'ae-unresolved-link': OFF,
        },
        tsdocMessageReporting: { default: OFF },
      },
    },
    configObjectFullPath: join(here, 'report.js'),
    packageJsonFullPath: join(root, 'package.json'),
  });
}

/** The names that `heddle` exports. */
function exportedNames() {
  const report = readFileSync(join(here, 'heddle.api.md'), 'utf8');
  return new Set(
    [...report.matchAll(/^export (?:interface|type|class|function|const) (\w+)/gm)].map(([, name]) => name),
  );
}

/** @returns whether the public types are as reported, and complete */
function check(entry) {
  const known = entry === ENTRIES[0] ? new Set() : exportedNames();
  const { errorCount, apiReportChanged } = Extractor.invoke(configOf(entry), {
    localBuild: isUpdate,
    messageCallback(message) {
      const [, name] = /^The symbol "(.*)" needs to be exported/.exec(message.text) ?? [];
      if (message.messageId === 'ae-forgotten-export' && known.has(name)) message.logLevel = 'none';
      if (message.category === 'console') message.handled = true;
    },
  });
  if (apiReportChanged && !isUpdate) {
    console.error(
      `The public types differ from api/${entry.report}.api.md. ` +
        'If the change is wanted, run `npm run api:update` and review the report',
    );
  }
  return errorCount === 0 && (isUpdate || !apiReportChanged);
}

// All entries are checked, also after a fault in the first one.
const results = ENTRIES.map(check);
if (results.includes(false)) process.exitCode = 1;
