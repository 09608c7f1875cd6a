import inject from 'light-my-request';
import { Provider } from 'oidc-provider';
import { expect, it } from 'vitest';
import '../../src/oidc/plain-contexts.js';

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
