import type { Config } from '../../config/index.js';
import { checkMailServer } from '../../platform/mail/index.js';
import { type Finding, failure, ok, warning } from './finding.js';

/** Whether mails would get out: the server answers, speaks TLS as asked, and takes the user and password. Sends none. */
export async function checkMail({ smtpUrl, mailFrom }: Pick<Config, 'smtpUrl' | 'mailFrom'>): Promise<Finding[]> {
  if (smtpUrl === undefined) return [ok('mail', 'Mails go to the development mailbox.')];
  try {
    await checkMailServer(smtpUrl);
  } catch (error) {
    const { code, responseCode } = error as { code?: string; responseCode?: number };
    const reason = [code, responseCode].filter((part) => part !== undefined).join(' ') || 'no reason given';
    return [
      failure(
        'mail',
        `The mail server does not take us (${reason}).`,
        'Check host, port, user and password in SMTP_URL; smtps:// is TLS from the start (465).',
      ),
    ];
  }
  if (/@localhost\b/.test(mailFrom))
    return [warning('mail', 'Mails come from an address at localhost; most are refused.', 'Set MAIL_FROM.')];
  return [ok('mail', 'The mail server takes the user and password.')];
}
