import { z } from 'zod';
import type { Account } from '../../identity/index.js';
import type { FirstPartyTokens } from '../../oidc/first-party/index.js';
import type { Answer } from '../endpoint/index.js';
import { toUser, userSchema } from '../user-shape.js';

export const successSchema = z.object({ success: z.literal(true) }).meta({ id: 'Success' });
export const SUCCESS: Answer = { status: 200, body: { success: true } };

/** RFC 6749, section 5.1, and who it is. */
export const tokenSchema = z
  .object({
    access_token: z.string(),
    refresh_token: z.string().meta({ description: 'Works once; each refresh gives the next one.' }),
    token_type: z.literal('Bearer'),
    expires_in: z.int().meta({ description: 'Seconds until the access token ends.' }),
    scope: z.string(),
    user: userSchema,
  })
  .meta({ id: 'TokenAnswer' });

export type TokenAnswer = z.output<typeof tokenSchema>;

export const toTokenAnswer = (tokens: FirstPartyTokens, account: Account): TokenAnswer => ({
  access_token: tokens.accessToken,
  refresh_token: tokens.refreshToken,
  token_type: 'Bearer',
  expires_in: tokens.expiresInSeconds,
  scope: tokens.scope,
  user: toUser(account),
});

/** An address, or whatever was typed in its place: judged by the services, so that every caller hears the same. */
export const typedEmail = z
  .string()
  .min(1)
  .meta({ examples: ['ann@example.com'] });
/** Judged by the services. */
export const typedPassword = z.string().min(1);
/** The value that a mail link carries as `token`. */
export const mailToken = z.string().min(1).meta({ description: 'The value of `token` in the link of the mail.' });

/** What a program does with a device token. */
export const DEVICE_TOKEN =
  'The answer has a header `X-Device-Token`: keep it, and send it as a request header with the next sign-ins of this device. It is no credential; ' +
  'with it, wrong passwords that others try elsewhere do not lock this device out, and no mail tells of a new device. Browsers on this origin have a cookie for it.';
