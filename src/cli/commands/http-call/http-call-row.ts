import type { CommandRow } from '../../shell/command-row.js';
import { HTTP_CALL_FLAGS } from './http-flags.js';

export const HTTP_CALL: CommandRow = {
  group: { name: 'http', help: 'Calls REST and GraphQL services.' },
  name: 'call',
  args: [['<service.endpoint>', 'a service and its endpoint, operation or alias, such as github.getUser']],
  help: 'Calls an endpoint of a REST or GraphQL service, once or for each item of a batch.',
  flags: HTTP_CALL_FLAGS,
  examples: [
    'heddle http call github.getUser --param id=7',
    `heddle http call api.getUser --batch-json '[{"id":1},{"id":2}]' --parallel`,
    'heddle http call api.getUser --batch-file ids.ndjson -c 20 --rate-limit 20/s --retry 3 --output ndjson',
  ],
  notes: `A service is a YAML file: services/<name>.yaml, .heddle/services/<name>.yaml, a file in a folder of
HEDDLE_SERVICES, or --service. Items are sent one after the other unless --parallel or -c is given. Answers go
to stdout in the order of the items.

Exit codes: 0 all succeeded, 1 some failed, 2 wrong usage or configuration (nothing was sent), 6 the session
is in use, 7 it cannot be continued, 70 a bug in heddle, 74 output or session could not be written.`,
  load: async () => (await import('./http-call-command.js')).httpCallCommand,
};
