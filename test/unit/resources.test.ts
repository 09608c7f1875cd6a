import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadDeclaredClients } from '../../src/oidc/clients/index.js';
import { createResources, loadDeclaredResources, parseResources } from '../../src/oidc/resources/index.js';

const orders = { identifier: 'https://api.example/orders', name: 'Orders' };

describe('resource servers', () => {
  it('are found by exactly the identifier that was declared', () => {
    const resources = createResources({
      declared: parseResources([
        { ...orders, scopes: ['orders:read', { name: 'orders:write', description: 'Change orders' }], access_token_ttl_seconds: 60 },
      ]),
    });
    expect(resources.find('https://api.example/orders')).toEqual({
      ...orders,
      scopes: [
        { name: 'orders:read', description: null },
        { name: 'orders:write', description: 'Change orders' },
      ],
      accessTokenFormat: 'jwt',
      accessTokenTtlSeconds: 60,
      accessTokenClaims: [],
      unverifiedClients: true,
    });
    expect([...resources.scopes()]).toEqual(['orders:read', 'orders:write']);
    for (const other of ['https://api.example/orders/', 'https://API.example/orders', '__proto__', ''])
      expect(resources.find(other)).toBeNull();
  });

  it.each([
    ['relative', { identifier: '/orders' }, 'identifier'],
    ['fragment', { identifier: 'https://api.example/#a' }, 'identifier'],
    ['script', { identifier: 'javascript:alert(1)' }, 'identifier'],
    ['password', { identifier: 'https://a:b@api.example' }, 'identifier'],
    ['space', { identifier: 'https://api.example/a b' }, 'identifier'],
    ['OpenID scope', { scopes: ['read', 'openid'] }, 'scopes[1].name'],
    ['scope with a space', { scopes: ['read write'] }, 'scopes[0].name'],
    ['scope twice', { scopes: ['read', { name: 'read' }] }, 'scopes[1]'],
    ['scopes as text', { scopes: 'read' }, 'scopes'],
    ['unknown format', { access_token_format: 'saml' }, 'access_token_format'],
    ['endless token', { access_token_ttl_seconds: 1e9 }, 'access_token_ttl_seconds'],
    ['no name', { name: '' }, 'name'],
  ])('are refused with the path: %s', (_title, members, at) => {
    const attempt = () => parseResources([orders, { ...orders, identifier: 'urn:example:api', ...members }]);
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'resources.invalid', details: [expect.objectContaining({ path: `RESOURCES_FILE[1].${at}` })] }),
    );
  });

  it('are refused when two have one identifier, declared or built in', () => {
    expect(() => parseResources([orders, orders])).toThrow('RESOURCES_FILE[1].identifier: is also that of another');
    const [declared] = parseResources([orders]);
    if (declared) expect(() => createResources({ declared: [declared], builtIn: [declared] })).toThrow('identifier of another');
  });

  it('with members that reach prototypes are refused', () => {
    expect(() => parseResources(JSON.parse('[{"identifier":"https://a.example","name":"a","__proto__":{"name":"b"}}]'))).toThrow(
      'RESOURCES_FILE[0].__proto__',
    );
  });
});

describe('a file of declarations', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-declared-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string) => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('may be JSON or YAML', async () => {
    const yaml = write(
      'resources.yaml',
      '- identifier: https://api.example\n  name: API\n  scopes:\n    - read\n    - { name: write, description: Change things }\n',
    );
    const json = write(
      'resources.json',
      '[\n\t{"identifier": "https://api.example", "name": "API", "scopes": ["read", {"name": "write", "description": "Change things"}]}\n]',
    );
    expect(await loadDeclaredResources(yaml)).toEqual(await loadDeclaredResources(json));
    const clients = await loadDeclaredClients(
      write('clients.yml', '- client_id: app\n  profile: spa\n  redirect_uris: [https://app.example/cb]\n'),
    );
    expect(clients).toEqual([{ client_id: 'app', profile: 'spa', redirect_uris: ['https://app.example/cb'] }]);
    expect(await loadDeclaredClients(write('empty.yaml', ''))).toEqual([]);
  });

  it('that cannot be read says which setting, which file and why, and repeats nothing of it', async () => {
    const secret = 'topsecretvalue';
    const cases = [
      [path.join(folder, 'missing.json'), 'there is no such file'],
      [folder, 'it is a directory'],
      [write('broken.json', `[{"client_secret": "${secret}", ]`), 'it is not valid JSON'],
      [write('broken.yaml', `- client_secret: ${secret}\n  client_secret: ${secret}\n`), 'it is not valid YAML at line 2'],
      [
        write(
          'bomb.yaml',
          'a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n',
        ),
        'valid',
      ],
      [write('large.json', `"${'x'.repeat(4 * 1024 * 1024)}"`), 'it is larger than'],
    ] as const;
    for (const [file, reason] of cases) {
      const error = await loadDeclaredClients(file).catch((caught: Error) => caught);
      expect(error).toMatchObject({
        code: 'declarations.unreadable',
        message: expect.stringContaining(`CLIENTS_FILE (${file}) cannot be read`),
      });
      expect((error as Error).message).toContain(reason);
      expect((error as Error).message).not.toContain(secret);
    }
  });
});

describe('kinds of authorization details', () => {
  const text = { kind: 'text', label: 'Text' };
  const nested = (depth: number): object => ({ kind: 'object', label: 'In', members: { in: depth === 0 ? text : nested(depth - 1) } });
  const declare = (...types: object[]) => parseResources([{ ...orders, authorization_details_types: types }]);

  it('are found by their name, with whose they are', () => {
    const resources = createResources({ declared: declare({ type: 'order', description: 'One order', members: { note: text } }) });
    expect(resources.findDetailsType('order')).toMatchObject({
      resource: { identifier: orders.identifier },
      declared: { description: 'One order', members: { note: { kind: 'text', optional: false, maxChars: 100 } } },
    });
    for (const other of ['orders', '__proto__', '']) expect(resources.findDetailsType(other)).toBeNull();
  });

  it.each<[string, object[], string]>([
    ['a member without words', [{ members: { note: { kind: 'text' } } }], '[0].members.note.label'],
    ['a member of no kind', [{ members: { note: { label: 'Note', kind: 'html' } } }], '[0].members.note.kind'],
    ['a list of actions that is no list', [{ members: { actions: text } }], '[0].members.actions'],
    ['locations of its own', [{ members: { locations: text } }], '[0].members.locations'],
    ['a choice of nothing', [{ members: { a: { kind: 'choice', label: 'A', values: {} } } }], '[0].members.a.values'],
    ['objects nested too deep', [{ members: { a: nested(3) } }], '[0].members'],
    ['a type twice', [{}, {}], '[1].type'],
    ['a name with spaces', [{ type: 'an order' }], '[0].type'],
  ])('%s is refused with its place', (_title, types, path) => {
    const attempt = () => declare(...types.map((type) => ({ type: 'order', description: 'One order', ...type })));
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'resources.invalid',
        details: expect.arrayContaining([expect.objectContaining({ path: `RESOURCES_FILE[0].authorization_details_types${path}` })]),
      }),
    );
  });
});
