import { setTimeout as delay } from 'node:timers/promises';
import { createMailQueue, type QueueOptions } from './queue.js';
import type { MailModels, MailRequest, MailTemplate, RenderMail } from './templates.js';
import type { MailTransport } from './transport.js';

export type Mailer = {
  /**
   * Takes a mail and returns; it is written and sent beside the request, so that neither its cost nor its failure shows. Never throws.
   */
  send(mail: MailRequest): Promise<void>;
  /** Resolves when everything taken so far was sent or given up. */
  flush(): Promise<void>;
  /** Tries what waits once more, then ends; what is not out after `graceMs` is lost. */
  stop(options?: { graceMs?: number }): Promise<void>;
};

export type MailerDeps = {
  transport: MailTransport;
  from: string;
  renderMail: RenderMail;
  log: Record<'warn' | 'error', (fields: object, message: string) => void>;
  queue?: Partial<QueueOptions> | undefined;
};

const QUEUE_DEFAULTS: QueueOptions = { concurrency: 4, maxWaiting: 1000, retryDelaysMs: [1000, 5000, 30_000] };

export function createQueuedMailer({ transport, from, renderMail, log, queue: options }: MailerDeps): Mailer {
  const queue = createMailQueue({ ...QUEUE_DEFAULTS, ...options });
  // The log names the template, never the address, the link or what a mail server said about them.
  const fields = (template: MailTemplate, error: unknown, attempts: number) => ({ template, attempts, reason: reasonOf(error) });
  return {
    async send({ to, template, data }) {
      const taken = queue.add({
        async run() {
          const { subject, html, text } = renderMail(template, { ...data, email: to } as MailModels[typeof template]);
          await transport.deliver({ from, to, subject, html, text });
        },
        failed: (error, attempts) => log.warn(fields(template, error, attempts), 'a mail could not be sent; it is tried again'),
        lost: (error, attempts) => log.error(fields(template, error, attempts), 'a mail could not be sent and was given up'),
      });
      if (!taken) log.error({ template }, 'a mail was lost: too many are waiting');
    },
    flush: () => queue.idle(),
    async stop({ graceMs = 5000 } = {}) {
      queue.hurry();
      await Promise.race([queue.idle(), delay(graceMs, undefined, { ref: false })]);
      transport.close();
    },
  };
}

/** Why it failed, in words of the protocol: an error's code and SMTP reply number. Messages are left out, since servers quote addresses in them. */
function reasonOf(error: unknown): string {
  const { code, responseCode, name, message } = error as { code?: unknown; responseCode?: unknown; name?: unknown; message?: unknown };
  if (code === undefined && responseCode === undefined) return `${String(name)}: ${String(message).slice(0, 200)}`;
  return [code, responseCode].filter((part) => part !== undefined).join(' ');
}
