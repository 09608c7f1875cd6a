import type { Config } from '../../config/index.js';
import { checkMailServer, createSmtpTransport } from '../../platform/mail/index.js';
import { type Finding, failure, ok, skipped, warning } from './finding.js';

/** Whether mails would get out: the server answers, speaks TLS as asked, and takes the user and password. Sends one only where it is told to. */
export async function checkMail(
  config: Pick<Config, 'smtpUrl' | 'mailFrom' | 'issuerUrl'>,
  { testMail }: { testMail?: string | undefined } = {},
): Promise<Finding[]> {
  const findings = await checkConnection(config);
  if (testMail === undefined || findings.some(({ status }) => status === 'failure')) return findings;
  return [...findings, await sendTestMail(config, testMail)];
}

async function sendTestMail(
  { smtpUrl, mailFrom, issuerUrl }: Pick<Config, 'smtpUrl' | 'mailFrom' | 'issuerUrl'>,
  to: string,
): Promise<Finding> {
  if (smtpUrl === undefined) return skipped('test mail', 'There is no mail server to send one by: SMTP_URL is not set.');
  const transport = createSmtpTransport(smtpUrl);
  const text = `This is a test of the mails of ${issuerUrl}, sent by its operator with "latchkey doctor". There is nothing to do.`;
  try {
    await transport.deliver({ from: mailFrom, to, subject: 'Test mail', text, html: `<p>${text.replace(/[&<"]/g, '')}</p>` });
    return ok('test mail', 'The mail server took it. Look whether it arrives, and not among spam.');
  } catch (error) {
    const mend = 'Check MAIL_FROM (may this user send for it?) and the address.';
    return failure('test mail', `The mail was not taken (${reasonOf(error)}).`, mend);
  } finally {
    transport.close();
  }
}

function reasonOf(error: unknown): string {
  const { code, responseCode } = error as { code?: string; responseCode?: number };
  return [code, responseCode].filter((part) => part !== undefined).join(' ') || 'no reason given';
}

async function checkConnection({ smtpUrl, mailFrom }: Pick<Config, 'smtpUrl' | 'mailFrom'>): Promise<Finding[]> {
  if (smtpUrl === undefined) return [ok('mail', 'Mails go to the development mailbox.')];
  try {
    await checkMailServer(smtpUrl);
  } catch (error) {
    return [
      failure(
        'mail',
        `The mail server does not take us (${reasonOf(error)}).`,
        'Check host, port, user and password in SMTP_URL; smtps:// is TLS from the start (465).',
      ),
    ];
  }
  if (/@localhost\b/.test(mailFrom))
    return [warning('mail', 'Mails come from an address at localhost; most are refused.', 'Set MAIL_FROM.')];
  return [ok('mail', 'The mail server takes the user and password.')];
}
