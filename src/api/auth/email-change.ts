import { z } from 'zod';
import { endpoint, json, problem } from '../endpoint/index.js';
import type { AuthDeps } from './deps.js';
import { mailToken, SUCCESS, successSchema, typedEmail, typedPassword } from './shapes.js';

/** Another address for one's account. */
export function createEmailChangeEndpoints({ identity: { emailChange } }: AuthDeps) {
  const change = endpoint({
    method: 'POST',
    path: '/auth/email/change',
    operationId: 'changeEmail',
    summary: 'Ask for another address',
    description:
      'A mail with a link goes to the new address, which counts once it is confirmed; the old one is told. The answer is the same for an address that is taken.',
    tags: ['Profile'],
    auth: 'bearer',
    body: z.object({ current_password: typedPassword, new_email: typedEmail }),
    answers: {
      200: json('The mail is on its way.', successSchema),
      401: problem('The current password is wrong (`email_change.wrong_current`), or there is no good access token.'),
      403: problem('Too many wrong passwords (`login.locked`, with `Retry-After`), or an API key was sent.'),
    },
    async handle({ body, caller, request }) {
      await emailChange.request({
        accountId: caller.account.id,
        currentPassword: body.current_password,
        newEmail: body.new_email,
        ip: request.ip,
      });
      return SUCCESS;
    },
  });

  const confirm = endpoint({
    method: 'POST',
    path: '/auth/email/change/confirm',
    operationId: 'confirmEmailChange',
    summary: 'Confirm another address with the token of the mail',
    tags: ['Profile'],
    auth: 'none',
    body: z.object({ token: mailToken }),
    answers: {
      200: json('It is the address of the account now.', successSchema),
      400: problem('The token does not work (`token.unknown`, `token.expired`, `token.already_used`).'),
      409: problem('Somebody else has the address by now (`email_change.taken`).'),
    },
    async handle({ body, request }) {
      await emailChange.confirm({ token: body.token, ip: request.ip });
      return SUCCESS;
    },
  });

  return { change, confirm };
}
