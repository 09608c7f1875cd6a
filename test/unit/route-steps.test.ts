import inject from 'light-my-request';
import { Provider } from 'oidc-provider';
import { expect, it, vi } from 'vitest';
import '../../src/oidc/route-steps.js';

it('what the library knows of a request is a plain member of its context: a getter would keep all that the request made for longer than it lives', async () => {
  const provider = new Provider('http://127.0.0.1:3000');
  let seen: { member: PropertyDescriptor | undefined; route: unknown; isCurrent: boolean } | undefined;
  provider.use(async (ctx, next) => {
    await next();
    const member = Object.getOwnPropertyDescriptor(ctx, 'oidc');
    seen = { member, route: member?.value?.route, isCurrent: member?.value?.ctx === ctx };
  });
  const handle = provider.callback();
  const answer = await inject((request, response) => void handle(request, response), '/.well-known/openid-configuration');
  expect(answer.statusCode).toBe(200);
  expect(seen).toMatchObject({ route: 'discovery', isCurrent: true });
  expect(seen?.member?.get).toBeUndefined();
  expect(seen?.member?.value).toBeInstanceOf(provider.OIDCContext);
});

it('that an opaque token is no JWT costs no error, and a JWT is still refused', async () => {
  const provider = new Provider('http://127.0.0.1:3000', {
    features: { introspection: { enabled: true } },
    clients: [{ client_id: 'api', client_secret: 'secret', redirect_uris: [], response_types: [], grant_types: [] }],
  });
  const handle = provider.callback();
  const made = vi.spyOn(globalThis, 'TypeError');
  const introspect = async (token: string) => {
    made.mockClear();
    const answer = await inject((request, response) => void handle(request, response), {
      method: 'POST',
      url: '/token/introspection',
      headers: {
        authorization: `Basic ${Buffer.from('api:secret').toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      payload: new URLSearchParams({ token }).toString(),
    });
    return { status: answer.statusCode, body: answer.json() as object, typeErrors: made.mock.calls.length };
  };
  expect(await introspect('x'.repeat(43))).toEqual({ status: 200, body: { active: false }, typeErrors: 0 });
  const header = Buffer.from('{"alg":"none"}').toString('base64url');
  expect(await introspect(`${header}.e30.`)).toMatchObject({ status: 400, body: { error: 'unsupported_token_type' } });
  // No JWT either, though it has dots: the library says so.
  expect(await introspect('a.b.c')).toMatchObject({ status: 200, body: { active: false } });
  expect(made).toHaveBeenCalled();
});
