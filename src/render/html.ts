/** Markup that is known to be safe: made by a template or by a function of this folder, never from data. */
export class Html {
  constructor(readonly markup: string) {}
  toString(): string {
    return this.markup;
  }
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** The escape function of every template: Html passes, null and undefined vanish, anything else is text. */
export function escapeHtml(value: unknown): string {
  if (value instanceof Html) return value.markup;
  if (value === null || value === undefined) return '';
  return String(value).replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

/** Attributes from an object: false, null and undefined are left out, true is bare. */
export function attributes(members: Record<string, string | number | boolean | null | undefined>): Html {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (value === false || value === null || value === undefined) continue;
    parts.push(value === true ? name : `${name}="${escapeHtml(value)}"`);
  }
  return new Html(parts.join(' '));
}

/** An address that may stand in an href or src: http(s), or a path of our own; anything else (javascript:, data:) becomes `#`. */
export function safeHref(address: string): string {
  if (/^\/(?![/\\])/.test(address) || /^[?#]/.test(address)) return address;
  try {
    const { protocol } = new URL(address);
    return protocol === 'https:' || protocol === 'http:' ? address : '#';
  } catch {
    return '#';
  }
}

/** Plain text with its http(s) addresses made into links. */
export function linkify(text: string): Html {
  const pieces = text.split(/(https?:\/\/[^\s<>"']+)/g);
  return new Html(
    pieces.map((piece, index) => (index % 2 ? `<a href="${escapeHtml(piece)}">${escapeHtml(piece)}</a>` : escapeHtml(piece))).join(''),
  );
}
