import type { RateLimiter } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import type { Links } from '../links.js';

/** So many mails an hour go to one address, whoever asks for them: registering is no way to fill a mailbox. */
const MAIL_LIMIT = { points: 10, windowSeconds: 3600 };

/**
 * The mails of a registration. None carries a name or anything else the registering person typed: it may be a stranger's address, and the
 * mail an advertisement.
 */
export function createRegistrationMails({ mailer, limiter, links }: { mailer: Pick<Mailer, 'send'>; limiter: RateLimiter; links: Links }) {
  const allowed = async (email: string) => (await limiter.consume(`registration_mail:${email}`, MAIL_LIMIT)).allowed;
  return {
    /** Counts as a mail, so that sending none takes as long. */
    async none(email: string): Promise<void> {
      await allowed(email);
    },
    async verify(email: string, { token, expiresAt }: { token: string; expiresAt: Date }, ttlSeconds: number): Promise<void> {
      if (!(await allowed(email))) return;
      const validHours = Math.max(1, Math.round(ttlSeconds / 3600));
      await mailer.send({ to: email, template: 'verify-email', data: { url: links.verifyEmail(token), validHours, expiresAt } });
    },
    async alreadyRegistered(email: string): Promise<void> {
      if (!(await allowed(email))) return;
      await mailer.send({ to: email, template: 'already-registered', data: { loginUrl: links.login, forgotUrl: links.forgot } });
    },
  };
}
