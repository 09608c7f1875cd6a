import { escapeHtml, Html } from './html.js';
import type { Texts } from './texts.js';
import { describeUserAgent } from './user-agent.js';
import type { ResourceScopes } from './views.js';

/** Scopes in words, grouped the way people ask: who am I to it, what can it do, and when. */
export type ScopeGroups = { who: string[]; what: { resource: string; items: string[] }[]; away: string[] };

/** Functions that put values into the words of one language. */
export type Format = {
  /** A moment as `<time>`: in words in UTC, which the script changes to the person's own zone. */
  time(date: Date): Html;
  /** A moment in words, in UTC. */
  timeText(date: Date): string;
  device(userAgent: string | undefined): string;
  /** What a permission allows, in words; its own name where there are none. */
  permission(name: string): string;
  scopeGroups(scopes: readonly string[], resources?: readonly ResourceScopes[], claims?: readonly string[]): ScopeGroups;
};

export function createFormat(texts: Texts): Format {
  const dates = new Intl.DateTimeFormat(texts.locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
  const timeText = (date: Date): string => `${dates.format(date)} UTC`;
  const scope = (name: string, description?: string): string => {
    const key = `scope.${name}`;
    return texts.has(key) ? texts.t(key) : (description ?? texts.t('scope.other', { scope: name }));
  };
  const claim = (name: string): string => {
    const key = `claim.${name}`;
    return texts.has(key) ? texts.t(key) : texts.t('claim.other', { claim: name });
  };
  return {
    timeText,
    time: (date) => new Html(`<time datetime="${date.toISOString()}">${escapeHtml(timeText(date))}</time>`),
    device(userAgent) {
      const { browser, system } = describeUserAgent(userAgent);
      if (browser && system) return texts.t('device.browser_on', { browser, system });
      return browser ?? system ?? texts.t('device.unknown');
    },
    permission(name) {
      const key = `permission.${name}`;
      return texts.has(key) ? texts.t(key) : name;
    },
    scopeGroups: (scopes, resources = [], claims = []) => ({
      who: [...new Set([...scopes.filter((name) => name !== 'offline_access').map((name) => scope(name)), ...claims.map(claim)])],
      what: resources.map(({ name, scopes: items }) => ({
        resource: name,
        items: items.length > 0 ? items.map((item) => item.description ?? scope(item.name)) : [texts.t('consent.in_your_name')],
      })),
      away: scopes.filter((name) => name === 'offline_access').map((name) => scope(name)),
    }),
  };
}
