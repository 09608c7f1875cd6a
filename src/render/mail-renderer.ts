import { buildBrandShades, grounds } from './color.js';
import type { Brand } from './context.js';
import { createFormat, type Format } from './format.js';
import { safeHref } from './html.js';
import type { Mails, RenderedMail } from './mails.js';
import type { Template } from './renderer.js';
import type { TextKey, Texts } from './texts.js';

/** A mail before it is written as HTML and as text: the same parts in both. */
type Letter = {
  subject: string;
  title: string;
  why: string;
  facts: { label: string; value: string }[];
  button: { text: string; url: string };
  valid: string | undefined;
  notYou: string;
  /** a second address, after the words about who it was */
  second: { lead: string | undefined; url: string } | undefined;
};

type Writer = { texts: Texts; fmt: Format; brand: string };
type Writers = { [K in keyof Mails]: (model: Mails[K], writer: Writer) => Letter };

type Stem =
  | 'email_confirm'
  | 'email_taken'
  | 'email_requested'
  | 'email_changed'
  | 'verify'
  | 'registered'
  | 'reset'
  | 'changed'
  | 'device'
  | 'locked'
  | 'reuse'
  | 'replaced'
  | 'set'
  | 'approve'
  | 'test';

/** The sentences every mail has, by the stem of their keys. */
function begin(stem: Stem, url: string, { texts, brand }: Writer, values: Record<string, number> = {}): Letter {
  const say = (part: string): string => texts.t(`mail.${stem}.${part}` as TextKey, { brand, ...values });
  return {
    subject: say('subject'),
    title: say('title'),
    why: say('why'),
    button: { text: say('button'), url },
    notYou: say('not_you'),
    facts: [],
    valid: undefined,
    second: undefined,
  };
}

const valid = (model: { validHours: number; expiresAt: Date }, { texts, fmt }: Writer): string =>
  texts.t('mail.valid_hours', { count: model.validHours, until: fmt.timeText(model.expiresAt) });

/** API keys are told of only where there are any. */
function keyFacts(keys: Mails['password-changed']['apiKeys'], { texts }: Writer): Letter['facts'] {
  if (!keys) return [];
  const [count, label] = 'living' in keys ? ([keys.living, 'mail.keys_living'] as const) : ([keys.ended, 'mail.keys_ended'] as const);
  return count === 0 ? [] : [{ label: texts.t(label), value: String(count) }];
}

const writers: Writers = {
  'verify-email': (model, writer) => ({ ...begin('verify', model.url, writer), valid: valid(model, writer) }),
  'reset-password': (model, writer) => ({ ...begin('reset', model.url, writer), valid: valid(model, writer) }),
  'already-registered': (model, writer) => ({
    ...begin('registered', model.loginUrl, writer),
    second: { lead: writer.texts.t('mail.registered.forgot'), url: model.forgotUrl },
  }),
  'password-changed': (model, writer) => ({
    ...begin('changed', model.accountUrl, writer),
    facts: [{ label: writer.texts.t('mail.when'), value: writer.fmt.timeText(model.at) }, ...keyFacts(model.apiKeys, writer)],
    second: { lead: undefined, url: model.forgotUrl },
  }),
  'confirm-email-change': (model, writer) => ({ ...begin('email_confirm', model.url, writer), valid: valid(model, writer) }),
  'email-change-taken': (model, writer) => ({
    ...begin('email_taken', model.loginUrl, writer),
    second: { lead: writer.texts.t('mail.registered.forgot'), url: model.forgotUrl },
  }),
  'email-change-requested': (model, writer) => ({
    ...begin('email_requested', model.accountUrl, writer),
    facts: [{ label: writer.texts.t('mail.when'), value: writer.fmt.timeText(model.at) }],
    second: { lead: undefined, url: model.forgotUrl },
  }),
  'email-changed': (model, writer) => ({
    ...begin('email_changed', model.accountUrl, writer),
    facts: [{ label: writer.texts.t('mail.when'), value: writer.fmt.timeText(model.at) }],
  }),
  'new-device-sign-in': (model, writer) => ({
    ...begin('device', model.sessionsUrl, writer),
    facts: [
      { label: writer.texts.t('mail.when'), value: writer.fmt.timeText(model.at) },
      { label: writer.texts.t('mail.device'), value: writer.fmt.device(model.userAgent) },
      ...(model.ip ? [{ label: writer.texts.t('mail.ip'), value: model.ip }] : []),
    ],
    second: { lead: undefined, url: model.forgotUrl },
  }),
  'account-locked': (model, writer) => ({
    ...begin('locked', model.forgotUrl, writer, { count: model.minutes }),
    facts: [{ label: writer.texts.t('mail.when'), value: writer.fmt.timeText(model.at) }],
  }),
  'token-reuse': (model, writer) => ({
    ...begin('reuse', model.sessionsUrl, writer),
    facts: [
      { label: writer.texts.t('mail.when'), value: writer.fmt.timeText(model.at) },
      ...(model.application ? [{ label: writer.texts.t('mail.application'), value: model.application }] : []),
    ],
    second: { lead: undefined, url: model.forgotUrl },
  }),
  'email-replaced': (model, writer) => ({
    ...begin('replaced', model.forgotUrl, writer),
    facts: [{ label: writer.texts.t('mail.when'), value: writer.fmt.timeText(model.at) }],
  }),
  'email-set': (model, writer) => ({
    ...begin('set', model.accountUrl, writer),
    facts: [{ label: writer.texts.t('mail.when'), value: writer.fmt.timeText(model.at) }],
    second: { lead: writer.texts.t('mail.set.forgot'), url: model.forgotUrl },
  }),
  'approve-request': (model, writer) => ({
    ...begin('approve', model.url, writer),
    facts: [
      { label: writer.texts.t('mail.application'), value: model.application },
      ...(model.bindingMessage ? [{ label: writer.texts.t('mail.approve.binding'), value: model.bindingMessage }] : []),
    ],
    valid: writer.texts.t('mail.valid_until', { until: writer.fmt.timeText(model.expiresAt) }),
    second: { lead: writer.texts.t('mail.approve.forgot'), url: model.forgotUrl },
  }),
  'email-test': (model, writer) => begin('test', model.url, writer),
};

/** One line for a header: control characters would end it, and a mail library should not have to judge. */
const oneLine = (value: string): string => value.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();

/**
 * How the person is greeted. A mail to an address that nobody has confirmed yet never carries a name: whoever registered chose it, and could
 * make us deliver an advertisement. Elsewhere a name that is long or looks like an address is left out for the same reason.
 */
function greet(template: keyof Mails, name: string | undefined, texts: Texts): string {
  const line = oneLine(name ?? '');
  const plain =
    template !== 'verify-email' && template !== 'confirm-email-change' && line !== '' && line.length <= 60 && !/[/:@<>]|\.\S/.test(line);
  return plain ? texts.t('mail.hello', { name: line }) : texts.t('mail.hello_unnamed');
}

/** The letter as plain text. Addresses stand on lines of their own, so that no mail program breaks or guesses them. */
function writeText(letter: Letter, hello: string, footer: string): string {
  const parts = [
    hello,
    letter.why,
    letter.facts.map(({ label, value }) => `${label}: ${oneLine(value)}`).join('\n'),
    `${letter.button.text}:\n${letter.button.url}`,
    letter.valid,
    letter.notYou,
    letter.second && [letter.second.lead, letter.second.url].filter(Boolean).join('\n'),
    `-- \n${footer}`,
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

/** Writes mails: the same letter as HTML through `views/mail/letter.ejs` and as text. */
export function createMailRenderer(
  templates: Map<string, Template>,
  { brand, color, choose }: { brand: Brand; color: string; choose: (locale?: string) => Texts },
): <K extends keyof Mails>(template: K, model: Mails[K]) => RenderedMail {
  const letterTemplate = templates.get('mail/letter');
  if (!letterTemplate) throw new Error('No template mail/letter');
  const shades = { light: buildBrandShades(color, 'light'), dark: buildBrandShades(color, 'dark') };
  return (template, model) => {
    const texts = choose(model.locale);
    const letter = writers[template](model, { texts, fmt: createFormat(texts), brand: brand.name });
    const hello = greet(template, model.name, texts);
    const host = new URL(letter.button.url).host;
    const footer = `${texts.t('mail.footer', { brand: brand.name, host })} ${texts.t('mail.footer_why', { email: model.email })}`;
    const m = {
      letter,
      hello,
      footer,
      plain: texts.t('mail.link_plain'),
      brand: brand.name,
      locale: texts.locale,
      dir: texts.dir,
      shades,
      grounds,
    };
    return { subject: oneLine(letter.subject), html: letterTemplate({ m, href: safeHref }), text: writeText(letter, hello, footer) };
  };
}
