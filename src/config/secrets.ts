import { setting } from './define.js';
import * as value from './values.js';

/** What seals and signs. */
export const secretSettings = {
  keyEncryptionKey: setting({
    name: 'KEY_ENCRYPTION_KEY',
    group: 'Secrets',
    meaning: '32 random bytes in base64; opens everything that is sealed in the database',
    schema: value.key32,
    fallbackNote: 'development: made once under keys/',
    secret: true,
  }),
  keyEncryptionKeyPrevious: setting({
    name: 'KEY_ENCRYPTION_KEY_PREVIOUS',
    group: 'Secrets',
    meaning: 'while the key is replaced: the one before. Take it away after `latchkey secrets reseal`',
    schema: value.key32,
    fallbackNote: 'none',
    secret: true,
  }),
  cookieSecrets: setting({
    name: 'COOKIE_SECRETS',
    group: 'Secrets',
    meaning: 'comma list of secrets that sign cookies, newest first',
    schema: value.cookieSecrets,
    fallbackNote: 'development: made once under keys/',
    secret: true,
  }),
};
