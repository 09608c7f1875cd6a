import { english } from './catalogue/en/index.js';
import { escapeHtml, Html } from './html.js';

/** A sentence, or its forms by plural category (`count` decides). Placeholders are `{name}`. */
export type Text = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);
export type TextKey = keyof typeof english;
export type TextValues = Record<string, string | number | undefined>;

/** The sentences of one language; what is missing is said in English. */
export type Catalogue = { locale: string; texts: Partial<Record<TextKey, Text>> };

/** Sentences by key, in the language that was chosen for a page or mail. */
export type Texts = {
  locale: string;
  dir: 'ltr' | 'rtl';
  has(key: string): key is TextKey;
  /** The sentence as plain text; its values are escaped where it is put out. Throws for an unknown key or a missing value. */
  t(key: TextKey, values?: TextValues): string;
  /** The sentence as markup: each value escaped, set apart from the sentence's writing direction and emphasised. */
  rich(key: TextKey, values?: TextValues): Html;
};

const rightToLeft = new Set(['ar', 'arc', 'ckb', 'dv', 'fa', 'he', 'ks', 'ku', 'ps', 'sd', 'ug', 'ur', 'yi']);

function fill(key: string, sentence: string, values: TextValues, show: (value: string | number) => string): string {
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`Text ${key} needs a value for {${name}}`);
    return show(value);
  });
}

function createLanguage({ locale, texts }: Catalogue): Texts {
  const plural = new Intl.PluralRules(locale);
  const sentences = new Map<string, Text>(Object.entries({ ...english, ...texts }));
  const find = (key: string, values: TextValues): string => {
    const text = sentences.get(key);
    if (text === undefined) throw new Error(`No text ${key}`);
    return typeof text === 'string' ? text : (text[plural.select(Number(values.count))] ?? text.other);
  };
  return {
    locale,
    dir: rightToLeft.has(locale.split('-')[0] ?? '') ? 'rtl' : 'ltr',
    has: (key): key is TextKey => sentences.has(key),
    t: (key, values = {}) => fill(key, find(key, values), values, String),
    rich: (key, values = {}) =>
      new Html(fill(key, escapeHtml(find(key, values)), values, (value) => `<strong><bdi>${escapeHtml(value)}</bdi></strong>`)),
  };
}

/** Chooses the language for a tag: exact, then its first part, then English. */
export function createTexts(extra: readonly Catalogue[] = []): (locale?: string) => Texts {
  const languages = new Map([{ locale: 'en', texts: {} }, ...extra].map((catalogue) => [catalogue.locale, createLanguage(catalogue)]));
  const fallback = languages.get('en') as Texts;
  return (locale = 'en') => languages.get(locale) ?? languages.get(locale.split('-')[0] ?? '') ?? fallback;
}
