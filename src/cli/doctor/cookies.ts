import { ask } from './ask.js';
import { type Finding, failure, ok } from './finding.js';

const MAX_REDIRECTS = 8;

/** Walks as a browser to the sign-in page, and looks at where it is sent and what it is given to keep. */
export async function checkCookies(issuerUrl: string): Promise<Finding[]> {
  const check = 'sign-in page';
  const jar = new Map<string, string>();
  const lines: string[] = [];
  let address = `${issuerUrl}/account`;
  for (let hop = 0; hop < MAX_REDIRECTS; hop++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const { status = 0, headers, told } = await ask(address, { headers: { accept: 'text/html', ...(cookie ? { cookie } : {}) } });
    for (const line of headers['set-cookie'] ?? []) {
      lines.push(line);
      const [pair = ''] = line.split(';');
      jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    if (status < 300 || status >= 400 || !headers.location) {
      if (status === 200)
        return [
          ok(check, 'A browser gets there.'),
          judgeCookies(lines, issuerUrl),
          judgeTransport(headers['strict-transport-security'], issuerUrl),
        ].flat();
      return [
        failure(
          check,
          `On the way to it ${new URL(address).pathname} ${told}.`,
          'See what "proxy" says above, and the log of the server and of the proxy.',
        ),
        ...(lines.length === 0 ? [noCookies(`none came on the way through ${hop} redirects`)] : []),
      ];
    }
    const next = new URL(headers.location, address);
    if (next.origin !== new URL(issuerUrl).origin) {
      const mend = 'The proxy must pass redirects on as they are (nginx: proxy_redirect off;) and the host and scheme as they came.';
      return [failure(check, `On the way to it a browser is sent to ${next.origin}.`, mend)];
    }
    address = next.href;
  }
  const circle = failure(check, 'A browser is sent in a circle.', 'Do cookies pass the proxy, both ways?');
  return lines.length === 0 ? [circle, noCookies('none came on the way in the circle')] : [circle];
}

const noCookies = (how: string) =>
  failure(
    'cookies',
    `Browsers are given no cookies (${how}): nobody can sign in.`,
    'Let Set-Cookie of the server pass the proxy (no proxy_hide_header Set-Cookie).',
  );

/** As they really arrive, whatever a proxy did to them. */
function judgeCookies(lines: readonly string[], issuerUrl: string): Finding {
  const https = issuerUrl.startsWith('https:');
  const faults = lines.flatMap((line) => {
    const [pair = '', ...rest] = line.split(';').map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf('='));
    const attributes = new Map(rest.map((part) => [part.split('=')[0]?.toLowerCase() ?? '', part.slice(part.indexOf('=') + 1)] as const));
    const sameSite = attributes.get('samesite')?.toLowerCase();
    return [
      ...(sameSite === 'lax' || sameSite === 'strict' ? [] : [`${name} has SameSite=${sameSite ?? 'nothing'}`]),
      ...(attributes.has('httponly') ? [] : [`${name} can be read by scripts`]),
      ...(attributes.has('domain') ? [`${name} is for other hosts as well (Domain)`] : []),
      ...(https && !attributes.has('secure') ? [`${name} is not Secure`] : []),
      ...(https && !/^__(Host|Secure)-/.test(name) ? [`${name} has no prefix`] : []),
      ...(name.startsWith('__Host-') && attributes.get('path') !== '/' ? [`${name} is not for the whole host (Path)`] : []),
    ];
  });
  if (faults.length > 0) {
    const mend = 'The proxy changes them (proxy_cookie_flags, proxy_cookie_path, proxy_cookie_domain): let them pass as they are.';
    return failure('cookies', `${faults.slice(0, 5).join('; ')}.`, mend);
  }
  if (lines.length === 0) return noCookies('none came with the sign-in page');
  return ok('cookies', `${lines.length} were set, each for this host alone and SameSite${https ? ', Secure and prefixed' : ''}.`);
}

function judgeTransport(header: string | undefined, issuerUrl: string): Finding[] {
  if (!issuerUrl.startsWith('https:')) return [];
  if (header && !/max-age=0\b/.test(header)) return [ok('strict transport', 'Browsers are told to come by https only.')];
  return [
    failure(
      'strict transport',
      'Browsers are not told to come by https only.',
      'Let Strict-Transport-Security of the server pass (no proxy_hide_header).',
    ),
  ];
}
