import { z } from 'zod';
import { AppError } from '../../platform/errors.js';
import { endpoint, json, problem } from '../endpoint/index.js';
import type { AuthDeps } from './deps.js';
import { DEVICE_TOKEN, tokenSchema, toTokenAnswer, typedPassword } from './shapes.js';

const loginSchema = z
  .object({ email: z.string().nullish(), username: z.string().nullish(), password: typedPassword })
  .meta({ description: 'One of `email` and `username`, and the password.' });

const refreshSchema = z.object({ refresh_token: z.string().min(1).max(1024) });

/** Signing in with a password, and staying signed in. */
export function createSignInEndpoints({ identity, firstParty, requireVerifiedEmail }: AuthDeps) {
  const login = endpoint({
    method: 'POST',
    path: '/auth/login',
    operationId: 'login',
    summary: 'Sign in with a password',
    description: `${DEVICE_TOKEN}\n\nAn account has at most 50 sign-ins over this API: of more, the one that was not used for longest ends.`,
    tags: ['Sign-in'],
    auth: 'none',
    body: loginSchema,
    answers: {
      200: json('Signed in.', tokenSchema),
      401: problem('No such account, or a wrong password: told alike (`login.invalid_credentials`).'),
      403: problem(
        '`login.disabled`, `login.unverified`, `login.locked` (with `Retry-After`), or `login.interaction_required` with a `browser_url` where the account needs more than a password.',
      ),
    },
    async handle({ body, request }) {
      const { account, deviceToken } = await identity.login.withPassword({
        identifier: identifierOf(body),
        password: body.password,
        requireVerified: requireVerifiedEmail,
        interactive: false,
        ...request,
      });
      const tokens = await firstParty.signIn({ accountId: account.id, generation: account.signInGeneration, amr: ['pwd'], ...request });
      return { status: 200, body: toTokenAnswer(tokens, account), deviceToken };
    },
  });

  const refresh = endpoint({
    method: 'POST',
    path: '/auth/refresh',
    operationId: 'refresh',
    summary: 'Get the next tokens',
    description:
      'A refresh token works once. A retry within a few seconds is answered with the same successor; a later one ends the sign-in.',
    tags: ['Sign-in'],
    auth: 'none',
    body: refreshSchema,
    answers: { 200: json('The next tokens.', tokenSchema), 401: problem('The refresh token is not good (`refresh.invalid_token`).') },
    async handle({ body, request }) {
      const { ip, userAgent } = request;
      const tokens = await firstParty.refresh({ refreshToken: body.refresh_token, ip, userAgent });
      const account = await identity.accounts.find(tokens.accountId);
      if (account?.status !== 'active')
        throw new AppError('refresh.invalid_token', 401, 'The refresh token is not valid any more. Sign in again.');
      return { status: 200, body: toTokenAnswer(tokens, account) };
    },
  });

  return { login, refresh };
}

function identifierOf({ email, username }: z.output<typeof loginSchema>): string {
  const given = [email, username].filter((value) => value !== undefined && value !== null && value !== '');
  const [identifier] = given;
  if (identifier && given.length === 1) return identifier;
  const message = identifier ? 'Send an email address or a username, not both.' : 'Send an email address or a username.';
  throw new AppError('request.invalid_input', 422, message, { details: [{ path: 'email', message }] });
}
