import { z } from 'zod';
import { endpoint, json, problem } from '../endpoint/index.js';
import type { AuthDeps } from './deps.js';
import { DEVICE_TOKEN, mailToken, SUCCESS, successSchema, typedEmail, typedPassword } from './shapes.js';

/** What the services call the new password. */
const errorPaths = { password: 'new_password', newPassword: 'new_password' };

/** A new password: with the current one, or with a mail. */
export function createPasswordEndpoints({ identity }: AuthDeps) {
  const change = endpoint({
    method: 'POST',
    path: '/auth/password/change',
    operationId: 'changePassword',
    summary: 'Change one’s own password',
    description: `Every other sign-in of the account ends.\n\n${DEVICE_TOKEN}`,
    tags: ['Passwords'],
    auth: 'bearer',
    body: z.object({ current_password: typedPassword, new_password: typedPassword }),
    errorPaths,
    answers: {
      200: json('Changed.', successSchema),
      401: problem('The current password is wrong (`password_change.wrong_current`), or there is no good access token.'),
      403: problem('Too many wrong passwords (`login.locked`, with `Retry-After`), or an API key was sent.'),
      409: problem('The password was changed elsewhere in this moment (`password_change.conflict`).'),
      422: problem('The new password is too short, too long, too common, too weak, or the current one (`errors` says why).'),
    },
    async handle({ body, caller, request }) {
      const { ip } = request;
      const { deviceToken } = await identity.passwordChange.change({
        accountId: caller.account.id,
        currentPassword: body.current_password,
        newPassword: body.new_password,
        keepSessionUid: caller.sessionId,
        ip,
        deviceToken: request.deviceToken,
      });
      return { ...SUCCESS, deviceToken };
    },
  });

  const requestReset = endpoint({
    method: 'POST',
    path: '/auth/password-reset/request',
    operationId: 'requestPasswordReset',
    summary: 'Ask for a mail with which a new password can be set',
    description: 'The answer is the same whether or not the address has an account.',
    tags: ['Passwords'],
    auth: 'none',
    body: z.object({ email: typedEmail }),
    answers: { 200: json('If the address has an account, the mail is on its way.', successSchema) },
    async handle({ body, request }) {
      await identity.recovery.request({ email: body.email, ip: request.ip });
      return SUCCESS;
    },
  });

  const confirmReset = endpoint({
    method: 'POST',
    path: '/auth/password-reset/confirm',
    operationId: 'confirmPasswordReset',
    summary: 'Set a new password with the token of the mail',
    description: `Confirms the address too, opens a lock, and ends every sign-in of the account.\n\n${DEVICE_TOKEN}`,
    tags: ['Passwords'],
    auth: 'none',
    body: z.object({ token: mailToken, new_password: typedPassword }),
    errorPaths,
    answers: {
      200: json('Set.', successSchema),
      400: problem('The token does not work (`token.unknown`, `token.expired`, `token.already_used`).'),
      422: problem('The new password is too short, too long, too common or too weak (`errors` says why).'),
    },
    async handle({ body, request }) {
      const { ip } = request;
      const reset = await identity.recovery.reset({
        token: body.token,
        newPassword: body.new_password,
        ip,
        deviceToken: request.deviceToken,
      });
      return { ...SUCCESS, deviceToken: reset.deviceToken };
    },
  });

  return { change, requestReset, confirmReset };
}
