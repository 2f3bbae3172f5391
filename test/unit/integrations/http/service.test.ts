/** Service files: what is refused, with which place and advice; where files are looked for. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { prepare } from '../../../../src/integrations/http/prepare.js';
import { checkService } from '../../../../src/integrations/http/service.js';
import { loadService } from '../../../../src/integrations/http/service-file.js';

const folder = mkdtempSync(join(tmpdir(), 'heddle-services-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const variable = (name: string) => ['$', '{', name, '}'].join('');

const GOOD = `# what the seed's file looks like
serviceName: api
baseUrl: https://api.example.com/v1
apiType: rest
authentication:
  type: bearer
  token: ${variable('API_TOKEN')}
endpoints:
  - name: getUser
    method: get
    path: /users/{id}
    cacheTTL: 300
    timeout: 5s
    headers: { X-Version: 2 }
    defaultParams: { v: 1 }
    transform: { fields: [id, owner.login], rename: { id: key } }
    batchConfig: { maxConcurrency: 5, retryOn: [429, 503], retryDelay: 1000 }
aliases:
  - name: me
    endpoint: getUser
    args: { id: self }
rateLimits: { requestsPerSecond: 100, burstSize: 20, concurrency: 10 }
`;

async function problem(text: string): Promise<string> {
  const path = join(folder, 'api.yaml');
  writeFileSync(path, text);
  const error = await loadService(path).then(
    () => new Error('accepted'),
    (thrown: Error) => thrown,
  );
  return error.message.replaceAll(`${folder}/`, '');
}

describe('a service file', () => {
  it('is read with everything in it', async () => {
    const path = join(folder, 'good.yaml');
    writeFileSync(path, GOOD);

    const { config, warnings } = await loadService(path);

    expect(config.endpoints?.[0]).toMatchObject({
      method: 'GET',
      timeout: 5000,
      headers: { 'X-Version': '2' },
    });
    expect(config.endpoints?.[0]?.batchConfig).toEqual({
      maxConcurrency: 5,
      retryOn: [429, 503],
      retryDelay: 1000,
    });
    expect(config.rateLimits).toEqual({ requestsPerSecond: 100, burstSize: 20, concurrency: 10 });
    expect(warnings).toEqual([`${path}:12: "cacheTTL" has no effect: every call is sent`]);
  });

  it.each([
    [
      'an unknown key',
      GOOD.replace('maxConcurrency', 'maxConcurency'),
      'api.yaml:17: unknown key "endpoints[0].batchConfig.maxConcurency"; did you mean "maxConcurrency"?',
    ],
    [
      'an unknown key at the top',
      GOOD.replace('rateLimits', 'ratelimit'),
      'api.yaml:22: unknown key "ratelimit"; did you mean "rateLimits"?',
    ],
    [
      'a bad method',
      GOOD.replace('get\n', 'gett\n'),
      'api.yaml:10: expected "endpoints[0].method" to be one of GET, POST',
    ],
    [
      'a bad number',
      GOOD.replace('concurrency: 10', 'concurrency: many'),
      'api.yaml:22: expected "rateLimits.concurrency" to be a whole number from 1 to 1000000, got "many"',
    ],
    [
      'a bad duration',
      GOOD.replace('5s', '5 parsecs'),
      'api.yaml:13: expected "endpoints[0].timeout" to be milliseconds, or a duration such as 30s',
    ],
    [
      'a missing key',
      GOOD.replace('    path: /users/{id}\n', ''),
      'api.yaml:9: "endpoints[0].path" is missing',
    ],
    ['a bad base URL', GOOD.replace('https://', 'htps:/'), 'api.yaml:3: expected "baseUrl" to be a URL'],
    [
      'a password in the URL',
      GOOD.replace('https://', 'https://me:pw@'),
      'use "authentication" with type basic',
    ],
    [
      'an alias of nothing',
      GOOD.replace('endpoint: getUser', 'endpoint: getUsr'),
      'api.yaml:20: the alias "me" is for "getUsr", which is no endpoint; did you mean "getUser"?',
    ],
    [
      'a name that is taken',
      GOOD.replace('name: me', 'name: getUser'),
      'api.yaml:19: the name "getUser" is taken by endpoints[0] already',
    ],
    [
      'an open bracket',
      GOOD.replace('{id}', '{id'),
      'api.yaml:11: the path "/users/{id" has a bracket that is not closed',
    ],
    ['a path that climbs', GOOD.replace('/users/{id}', '/users/../{id}'), 'must not have "." or ".."'],
    ['a key given twice', `${GOOD}serviceName: b\n`, 'api.yaml:23: not YAML'],
    ['no YAML', 'a: [1', 'api.yaml:1: not YAML'],
    ['nothing', '# empty\n', 'the file is empty'],
    [
      'operations without an endpoint',
      'serviceName: a\nbaseUrl: http://x\ngraphqlOperations: [{ name: q, query: "{ a }" }]\n',
      'api.yaml:3: "graphqlOperations" need "graphqlEndpoint"',
    ],
    ['nothing to call', 'serviceName: a\nbaseUrl: http://x\n', 'there is nothing to call'],
  ])('with %s is refused', async (_name, text, message) => {
    expect(await problem(text)).toContain(message);
  });

  it('with several problems is refused once, with all of them', async () => {
    const text = GOOD.replace('apiType: rest', 'apiType: soap').replace('burstSize: 20', 'brustSize: 20');

    expect(await problem(text)).toMatch(
      /^2 problems with the service\n {2}api\.yaml:4: .*\n {2}api\.yaml:22: .*"burstSize"/,
    );
  });

  it('never shows what may be a secret', async () => {
    expect(await problem(GOOD.replace('type: bearer', 'tokn: hunter2hunter2'))).not.toContain('hunter2');
    expect(await problem(GOOD.replace('type: bearer', 'type: bearer\n  header: [hunter2]'))).not.toContain(
      'hunter2',
    );
  });

  it('is found by its name, here, in .heddle, or where HEDDLE_SERVICES says', async () => {
    const cwd = join(folder, 'w');
    const far = join(folder, 'far');
    for (const path of [join(cwd, 'services'), join(cwd, '.heddle/services'), far])
      mkdirSync(path, { recursive: true });
    const put = (path: string, name: string) =>
      writeFileSync(path, GOOD.replace('serviceName: api', `serviceName: ${name}`));
    put(join(far, 'api.yml'), 'far');
    const env = { HEDDLE_SERVICES: far };
    const found = async () => (await loadService('api', { cwd, env })).config.serviceName;
    const names = [await found()];
    put(join(cwd, '.heddle/services/api.yml'), 'hidden');
    names.push(await found());
    put(join(cwd, 'services/api.yaml'), 'near');
    names.push(await found());

    expect(names).toEqual(['far', 'hidden', 'near']);
    await expect(loadService('apo', { cwd, env })).rejects.toThrow(
      'there is no service "apo"; did you mean "api"?',
    );
  });
});

describe('an endpoint', () => {
  const service = checkService({
    serviceName: 'api',
    baseUrl: `https://${variable('HOST')}`,
    authentication: { type: 'basic', username: 'me', password: variable('PASSWORD') },
    endpoints: [
      {
        name: 'getUser',
        method: 'GET',
        path: '/users/{id}/{part}',
        headers: { 'X-Plain': variable('PLAIN') },
      },
    ],
    aliases: [{ name: 'me', endpoint: 'getUser', args: { id: 'self' } }],
  });
  const env = { HOST: 'h.example', PASSWORD: 'pass-word', PLAIN: 'plain' };

  it('has what it needs, and knows its secrets', () => {
    const prepared = prepare(service, 'me', { env });
    const { url, headers } = prepared.request({ part: 'p' });

    expect(url).toBe('https://h.example/users/self/p');
    expect(headers).toEqual({ 'X-Plain': 'plain', Authorization: `Basic ${btoa('me:pass-word')}` });
    expect(prepared.required).toEqual(['part']);
    expect(prepared.redactor.text(`a pass-word and ${btoa('me:pass-word')}, plain`)).toBe(
      'a *** and ***, plain',
    );
  });

  it('says everything that the environment lacks at once', () => {
    expect(() => prepare(service, 'me', { env: { HOST: 'x' } })).toThrow(
      /^2 environment variables of the service are not set; nothing was sent\n {2}PLAIN \(needed by "endpoints\[0\]\.headers\.X-Plain"\)\n {2}PASSWORD/,
    );
  });

  it('that is not there is refused with a suggestion; a header must not have line breaks', () => {
    expect(() => prepare(service, 'getUsr', { env })).toThrow('did you mean "getUser"?');
    expect(() => prepare(service, 'me', { env: { ...env, PLAIN: 'a\r\nX-Evil: 1' } })).toThrow('line break');
  });
});
