import type { MailModels } from '../platform/mail/index.js';

/** What each mail is given: mail delivery owns the models, the catalogue and `views/mail/letter.ejs` the words. */
export type Mails = MailModels;
export type { RenderedMail } from '../platform/mail/index.js';
