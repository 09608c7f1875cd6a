const MAX_CHARS = 64;

/** Letters of any script, digits, and what amounts, times and order numbers are written with. No control, direction or markup characters. */
const ALLOWED = /^[\p{L}\p{M}\p{N} ()+\-_#.,:;!?/%€$£¥]+$/u;
/** What mail programs make links of: a domain, or a scheme. A message is read beside the button that signs somebody in. */
const LINKLIKE = /\.\p{L}|:\/|\/\//u;

/** What is wrong with a binding message (CIBA, section 7.1), or null. It is shown on the page and in the mail as it comes. */
export function findBindingMessageFault(message: string): string | null {
  if ([...message].length > MAX_CHARS) return `binding_message must have at most ${MAX_CHARS} characters`;
  if (!ALLOWED.test(message) || message !== message.trim() || message.includes('  '))
    return 'binding_message must consist of letters, digits, single spaces and ()+-_#.,:;!?/%€$£¥';
  return LINKLIKE.test(message) ? 'binding_message must not look like an address' : null;
}
