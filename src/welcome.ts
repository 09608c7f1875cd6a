import type { Services } from './services.js';

/** On a developer's terminal: where everything is, and the first administrator's password, which is shown this once. */
export async function welcome({ services, ms }: { services: Services; ms: number }): Promise<void> {
  const { config, firstAdministrator } = services;
  if (config.env !== 'development') return;
  const lines = [
    '',
    `  Latchkey is ready in ${ms} ms.`,
    '',
    `  Start page     ${config.issuerUrl}/`,
    ...(config.demo ? [`  Demo shop      http://127.0.0.1:${config.demoPort}/`] : []),
    ...(services.mailer.mailbox ? [`  Mailbox        ${config.issuerUrl}/dev/mailbox`] : []),
    `  Discovery      ${config.issuerUrl}/.well-known/openid-configuration`,
    '',
    ...(firstAdministrator
      ? [
          '  First administrator, shown this once:',
          `    e-mail     ${firstAdministrator.email}`,
          `    password   ${firstAdministrator.password}`,
          '',
        ]
      : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
