import { z } from 'zod';
import { addSeconds, nowDate } from '../../platform/clock.js';
import { type Endpoint, endpoint, json } from '../endpoint/index.js';
import { toUser, userSchema } from '../user-shape.js';
import { camelKeys, camelSchema, snakeBody, translate } from './camel-case.js';
import type { AuthDeps } from './deps.js';
import { registerAccount, registerAnswers, registerSchema } from './registration.js';
import { type TokenAnswer, toTokenAnswer } from './shapes.js';

const accountSchema = camelSchema(userSchema).meta({ id: 'Account' });
const sessionMembers = { account: accountSchema, token: z.string(), refreshToken: z.string(), expiresAt: z.iso.datetime() };
const authSessionSchema = z.object(sessionMembers).meta({ id: 'AuthSession' });
/** Where a sign-in needs a confirmed address, a new account has no tokens yet. */
const newSessionSchema = z
  .object({
    account: accountSchema,
    token: sessionMembers.token.nullable(),
    refreshToken: sessionMembers.refreshToken.nullable(),
    expiresAt: sessionMembers.expiresAt.nullable(),
  })
  .meta({ id: 'NewAuthSession', description: 'Without tokens where a sign-in needs a confirmed address.' });

const toAuthSession = ({ user, access_token, refresh_token, expires_in }: TokenAnswer) => ({
  account: camelKeys(user),
  token: access_token,
  refreshToken: refresh_token,
  expiresAt: addSeconds(nowDate(), expires_in).toISOString(),
});

type FirstStyle = Record<'login' | 'refresh' | 'read' | 'update' | 'register', Endpoint>;

/** `/v2/auth`: the same calls for clients that were written to that contract. @param others those that differ in nothing but the style */
export function createSecondStyle(deps: AuthDeps, first: FirstStyle, others: readonly Endpoint[]): Endpoint[] {
  const asSession = { data: authSessionSchema, toData: toAuthSession };
  const asAccount = { data: accountSchema };

  const register = endpoint({
    ...translate(first.register),
    auth: 'none',
    body: camelSchema(registerSchema),
    answers: {
      201: json('Made, and signed in. A mail to confirm the address is on its way.', z.object({ data: newSessionSchema })),
      ...registerAnswers,
    },
    async handle({ body, request }) {
      const account = await registerAccount(deps, registerSchema.parse(snakeBody(registerSchema, body)), request);
      if (deps.requireVerifiedEmail) {
        return { status: 201, body: { data: { account: camelKeys(toUser(account)), token: null, refreshToken: null, expiresAt: null } } };
      }
      const { ip, userAgent } = request;
      const tokens = await deps.firstParty.signIn({
        accountId: account.id,
        generation: account.signInGeneration,
        amr: ['pwd'],
        ip,
        userAgent,
      });
      return { status: 201, body: { data: toAuthSession(toTokenAnswer(tokens, account)) } };
    },
  });

  return [
    register,
    translate(first.login, asSession),
    translate(first.refresh, asSession),
    translate(first.read, asAccount),
    translate(first.update, asAccount),
    ...others.map((each) => translate(each)),
  ];
}
