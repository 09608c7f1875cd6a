import { z } from 'zod';
import type { Account } from '../../identity/index.js';
import { AppError } from '../../platform/errors.js';
import { endpoint, json, problem, type RequestFacts } from '../endpoint/index.js';
import { toUser, userSchema } from '../user-shape.js';
import type { AuthDeps } from './deps.js';
import { DEVICE_TOKEN, mailToken, SUCCESS, successSchema, typedEmail, typedPassword } from './shapes.js';

export const registerSchema = z.object({
  email: typedEmail,
  password: typedPassword,
  username: z.string().nullish(),
  first_name: z.string().nullish(),
  last_name: z.string().nullish(),
  full_name: z.string().nullish(),
});

export const registerAnswers = {
  403: problem('Accounts are made by the administrator here (`registration.closed`).'),
  409: problem('The address or the username is taken (`accounts.email_taken`, `accounts.username_taken`).'),
};

/** Making an account of one's own. A mail with a link to confirm the address goes out. @throws AppError as registration.createAccount, `registration.closed` */
export async function registerAccount(
  { identity, registrationOpen }: Pick<AuthDeps, 'identity' | 'registrationOpen'>,
  body: z.output<typeof registerSchema>,
  { ip }: RequestFacts,
): Promise<Account> {
  if (!registrationOpen) throw new AppError('registration.closed', 403, 'Accounts are made by the administrator here.');
  const { email, password, username, first_name: firstName, last_name: lastName, full_name: fullName } = body;
  return identity.registration.createAccount({ email, password, username, firstName, lastName, fullName, ip });
}

/** Coming to have an account, and confirming its address. */
export function createRegistrationEndpoints(deps: AuthDeps) {
  const { registration } = deps.identity;
  const register = endpoint({
    method: 'POST',
    path: '/auth/register',
    operationId: 'register',
    summary: 'Make an account',
    tags: ['Registration'],
    auth: 'none',
    body: registerSchema,
    answers: { 201: json('Made. A mail to confirm the address is on its way.', userSchema), ...registerAnswers },
    handle: async ({ body, request }) => ({ status: 201, body: toUser(await registerAccount(deps, body, request)) }),
  });

  const verify = endpoint({
    method: 'POST',
    path: '/auth/email/verify',
    operationId: 'verifyEmail',
    summary: 'Confirm an address',
    description: DEVICE_TOKEN,
    tags: ['Registration'],
    auth: 'none',
    body: z.object({
      token: mailToken,
      password: z.string().nullish().meta({ description: 'For a registration that was begun on our pages: the password chosen there.' }),
    }),
    answers: {
      200: json('Confirmed.', successSchema),
      400: problem('The token does not work (`token.unknown`, `token.expired`, `token.already_used`).'),
      401: problem('A registration from our pages needs its password (`registration.password_required`, `registration.wrong_password`).'),
      403: problem('Too many wrong passwords (`login.locked`).'),
    },
    async handle({ body, request }) {
      const { ip, deviceToken } = request;
      const password = body.password ?? undefined;
      const verified = await registration.verify({ token: body.token, password, tokenSuffices: true, ip, deviceToken });
      return { ...SUCCESS, deviceToken: verified.deviceToken };
    },
  });

  const resend = endpoint({
    method: 'POST',
    path: '/auth/email/resend',
    operationId: 'resendVerification',
    summary: 'Send the mail again that confirms an address',
    description: 'The answer is the same whether or not anybody waits for that mail.',
    tags: ['Registration'],
    auth: 'none',
    body: z.object({ email: typedEmail }),
    answers: { 200: json('If somebody waits for it, the mail is on its way.', successSchema) },
    async handle({ body, request }) {
      await registration.resend({ email: body.email, ip: request.ip });
      return SUCCESS;
    },
  });

  return { register, verify, resend };
}
