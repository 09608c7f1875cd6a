import { describe, expect, it } from 'vitest';
import { createSampleApi } from '../support/sample-api.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const GOOD = { authorization: 'Bearer good' };

const METADATA = 'resource_metadata="https://id.example/.well-known/oauth-protected-resource/api"';
const api = createSampleApi();
const post = (payload: string | Buffer, headers: Record<string, string> = JSON_TYPE) =>
  api.request({ method: 'POST', url: '/api/items', payload, headers });
const get = (url: string, headers: Record<string, string> = {}) => api.request({ method: 'GET', url, headers });

describe('an answer', () => {
  it('holds what its schema names and nothing else', async () => {
    const response = await get('/api/items/7', GOOD);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ item_id: '7', note: 'token none' });
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('carries the headers and the device cookie that its endpoint gave', async () => {
    const response = await post('{"note":"x"}');
    expect([response.statusCode, response.headers.location]).toEqual([201, '/api/items/new']);
    expect(api.cookies).toContain('device');
  });

  it('is a plain 500 when its endpoint answers what it does not document', async () => {
    const response = await post('{"note":"undocumented"}');
    expect([response.statusCode, response.json().code]).toEqual([500, 'server_error']);
  });
});

describe('a failure', () => {
  it('is told as problem details, with the names of members as they were sent', async () => {
    const response = await post('{"note":"taken"}');
    expect(response.statusCode).toBe(409);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(response.json()).toEqual({
      type: '/problems/items.taken',
      title: 'Conflict',
      status: 409,
      detail: 'It is there.',
      code: 'items.taken',
      request_id: response.headers['x-request-id'],
      errors: [{ path: 'first_name', message: 'no' }],
    });
  });

  it('says when to come again, in whole seconds', async () => {
    const response = await post('{"note":"slow"}');
    expect([response.statusCode, response.headers['retry-after']]).toEqual([429, '3']);
  });

  it('that nobody expected keeps its reason to the log', async () => {
    const response = await post('{"note":"bug"}');
    expect([response.statusCode, response.json().code]).toEqual([500, 'server_error']);
    expect(response.body).not.toContain('private');
  });

  it('of the database is a 503 with Retry-After', async () => {
    const response = await post('{"note":"outage"}');
    expect([response.statusCode, response.json().code, response.headers['retry-after']]).toEqual([503, 'database.unavailable', '2']);
  });
});

describe('an address', () => {
  it('that is not there is a problem 404 below the paths of the API, and not ours elsewhere', async () => {
    for (const url of ['/auth', '/auth/nothing', '/v2/', '/api/items/7/more', '/api/ITEMS', '/api/items/', '/api/items/%E0%A4%A']) {
      const response = await get(url, { ...GOOD, accept: 'text/html' });
      expect([url, response.statusCode]).toEqual([url, 404]);
      expect(response.json().code).toBe('not_found');
    }
    const elsewhere = await get('/authorize');
    expect([elsewhere.statusCode, elsewhere.headers['content-type']]).toEqual([404, 'text/plain; charset=utf-8']);
  });

  it('says which methods it answers to', async () => {
    const response = await api.request({ method: 'PUT', url: '/api/items' });
    expect([response.statusCode, response.json().code, response.headers.allow]).toEqual([
      405,
      'request.method_not_allowed',
      'POST, DELETE, OPTIONS',
    ]);
    const options = await api.request({ method: 'OPTIONS', url: '/api/items/latest' });
    expect([options.statusCode, options.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS']);
  });

  it('answers HEAD as GET without a body', async () => {
    const response = await api.request({ method: 'HEAD', url: '/api/items/latest' });
    expect([response.statusCode, response.body]).toEqual([200, '']);
  });

  it('that is written out comes before one that a parameter takes', async () => {
    expect((await get('/api/items/latest')).json()).toEqual({ item_id: 'latest', note: null });
  });
});

describe('a caller', () => {
  it.each([
    ['nothing', {}, 401, 'auth.required', `Bearer realm="latchkey", ${METADATA}`],
    [
      'a token that is not good',
      { authorization: 'Bearer bad' },
      401,
      'auth.invalid_token',
      `Bearer realm="latchkey", error="invalid_token", ${METADATA}`,
    ],
    [
      'another scheme',
      { authorization: 'Basic Z29vZDo=' },
      401,
      'auth.invalid_token',
      `Bearer realm="latchkey", error="invalid_token", ${METADATA}`,
    ],
    [
      'two tokens in one header',
      { authorization: 'Bearer good, Bearer good' },
      401,
      'auth.invalid_token',
      `Bearer realm="latchkey", error="invalid_token", ${METADATA}`,
    ],
    ['a key that is not good', { 'x-api-key': 'bad' }, 401, 'auth.invalid_api_key', `Bearer realm="latchkey", ${METADATA}`],
    ['a token and a key', { ...GOOD, 'x-api-key': 'good-key' }, 400, 'auth.ambiguous', undefined],
  ])('with %s is refused', async (_, headers, status, code, challenge) => {
    const response = await get('/api/items/7', headers as Record<string, string>);
    expect([response.statusCode, response.json().code, response.headers['www-authenticate']]).toEqual([status, code, challenge]);
  });

  it('may use either credential where both are accepted, in a header only', async () => {
    expect((await get('/api/items/7', { authorization: 'bearer good' })).json().note).toBe('token none');
    expect((await get('/api/items/7', { 'x-api-key': 'good-key' })).json().note).toBe('api_key none');
    expect((await get('/api/items/7?access_token=good')).statusCode).toBe(401);
  });

  it('is refused at once when the account is disabled', async () => {
    const other = createSampleApi();
    other.account.status = 'disabled';
    for (const headers of [GOOD, { 'x-api-key': 'good-key' }]) {
      expect((await other.request({ method: 'GET', url: '/api/items/7', headers })).statusCode).toBe(401);
    }
  });

  it('without the permission is refused, with what is missing', async () => {
    const response = await createSampleApi([]).request({ method: 'GET', url: '/api/items/7', headers: GOOD });
    expect([response.statusCode, response.json().code, response.headers['www-authenticate']]).toEqual([
      403,
      'auth.insufficient_permission',
      `Bearer realm="latchkey", error="insufficient_scope", ${METADATA}`,
    ]);
  });

  it('cannot use a key where an access token is needed, whatever the key', async () => {
    for (const key of ['good-key', 'bad']) {
      const response = await api.request({ method: 'DELETE', url: '/api/items', headers: { 'x-api-key': key } });
      expect([response.statusCode, response.json().code]).toEqual([403, 'auth.api_key_not_allowed']);
    }
    expect((await api.request({ method: 'DELETE', url: '/api/items', headers: GOOD })).statusCode).toBe(204);
  });

  it('may be nobody where that is allowed', async () => {
    expect((await get('/v2/who')).json()).toEqual({ via: null });
    expect((await get('/v2/who', { authorization: 'Bearer bad' })).json()).toEqual({ via: null });
    expect((await get('/v2/who', GOOD)).json()).toEqual({ via: 'token' });
  });
});

describe('input', () => {
  const deep = `${'['.repeat(40)}${']'.repeat(40)}`;
  it.each([
    ['no body', '', JSON_TYPE, 400, 'request.unreadable'],
    ['a form', 'note=x', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'request.unsupported_type'],
    ['text that a form of another site can send', '{"note":"x"}', { 'content-type': 'text/plain' }, 415, 'request.unsupported_type'],
    ['a compressed body', '{"note":"x"}', { ...JSON_TYPE, 'content-encoding': 'gzip' }, 415, 'request.unsupported_type'],
    ['no JSON', '{"note":', JSON_TYPE, 400, 'request.unreadable'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), JSON_TYPE, 400, 'request.unreadable'],
    ['a member twice', '{"note":"x","no\\u0074e":"y"}', JSON_TYPE, 400, 'request.duplicate_member'],
    ['a member twice further in', '{"note":"x","more":[{"a":1,"b":{"a":2},"a":3}]}', JSON_TYPE, 400, 'request.duplicate_member'],
    ['deep nesting', `{"note":${deep}}`, JSON_TYPE, 400, 'request.too_deep'],
    ['a name that reaches a prototype', '{"note":"x","__proto__":{"admin":true}}', JSON_TYPE, 400, 'request.unsafe_text'],
    ['a NUL', '{"note":"a\\u0000b"}', JSON_TYPE, 400, 'request.unsafe_text'],
    ['half a surrogate pair', '{"note":"\\ud800"}', JSON_TYPE, 400, 'request.unsafe_text'],
    ['more than 64 KiB', JSON.stringify({ note: 'x'.repeat(65_536) }), JSON_TYPE, 413, 'request.too_large'],
    ['an array', '[]', JSON_TYPE, 422, 'request.invalid_input'],
    ['null', 'null', JSON_TYPE, 422, 'request.invalid_input'],
    ['a number for a text', '{"note":1}', JSON_TYPE, 422, 'request.invalid_input'],
  ])('with %s is refused', async (_, payload, headers, status, code) => {
    const response = await post(payload, headers);
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
  });

  it('names each member that does not fit', async () => {
    const response = await post('{"note":"","tags":["a",1]}');
    expect(response.statusCode).toBe(422);
    expect(response.json().errors.map(({ path }: { path: string }) => path)).toEqual(['note', 'tags.1']);
  });

  it('may hold members that nobody knows, and the same name in two objects', async () => {
    expect((await post('{"note":"x","more":{"note":"y","a:b{":[",",{"note":"z"}]}}')).statusCode).toBe(201);
  });

  it('of a query is checked, twice the same parameter is refused, unknown ones are skipped', async () => {
    expect((await get('/api/items/7?limit=5&utm=1&utm=2', GOOD)).json().note).toBe('token 5');
    expect((await get('/api/items/7?limit=5&limit=6', GOOD)).json().code).toBe('request.duplicate_parameter');
    const response = await get('/api/items/7?limit=many', GOOD);
    expect([response.statusCode, response.json().errors[0].path]).toEqual([422, 'limit']);
    expect((await get('/api/items/7?limit=%00', GOOD)).statusCode).toBe(400);
  });

  it('of a path that can name nothing is a 404', async () => {
    expect((await get('/api/items/A..', GOOD)).statusCode).toBe(404);
    expect((await get('/api/items/%00', GOOD)).statusCode).toBe(400);
  });

  it('may be left out where the endpoint does without', async () => {
    const headers = { ...GOOD, ...JSON_TYPE };
    expect((await api.request({ method: 'DELETE', url: '/api/items', headers, payload: '{"all":true}' })).statusCode).toBe(204);
    expect((await api.request({ method: 'DELETE', url: '/api/items', headers, payload: '{"all":1}' })).statusCode).toBe(422);
  });

  it('is checked after the caller, so that nobody learns the rules of what they may not call', async () => {
    expect((await api.request({ method: 'DELETE', url: '/api/items', payload: 'x' })).statusCode).toBe(401);
  });
});

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    api.request({ method: 'OPTIONS', url: '/api/items', headers: { origin, 'access-control-request-method': 'POST' } });

  it('may call from an allowed origin, without cookies', async () => {
    const { headers, statusCode } = await preflight('https://app.example.com');
    expect(statusCode).toBe(204);
    expect(headers['access-control-allow-origin']).toBe('https://app.example.com');
    expect(headers['access-control-allow-methods']).toContain('POST');
    expect(headers['access-control-allow-headers']).toBe('Authorization, Content-Type, X-Device-Token');
    expect(headers['access-control-max-age']).toBe('7200');
    expect(headers['access-control-allow-credentials']).toBeUndefined();
    const refused = await post('[]', { ...JSON_TYPE, origin: 'https://app.example.com' });
    expect([refused.statusCode, refused.headers['access-control-allow-origin']]).toEqual([422, 'https://app.example.com']);
  });

  it.each(['https://evil.example', 'null', 'https://app.example.com.evil.example', 'http://app.example.com'])(
    'may not from %s',
    async (origin) => {
      const { headers } = await preflight(origin);
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      expect(headers.vary).toContain('Origin');
    },
  );
});
