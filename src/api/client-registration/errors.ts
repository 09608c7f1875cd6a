import type { AppError } from '../../platform/errors.js';

const isAbout = (path: string, member: string) => path === member || path.startsWith(`${member}[`);

/** The error codes of RFC 7591, section 3.2.2, and RFC 6750, section 3.1. */
function codeOf({ code, status, details = [] }: AppError): string {
  if (status === 401) return 'invalid_token';
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  if (status >= 500) return 'server_error';
  if (code !== 'clients.invalid') return code === 'request.method_not_allowed' ? 'invalid_request' : 'invalid_client_metadata';
  if (details.some(({ path }) => path === 'software_statement')) return 'unapproved_software_statement';
  const areRedirects = details.length > 0 && details.every(({ path }) => isAbout(path, 'redirect_uris'));
  return areRedirects ? 'invalid_redirect_uri' : 'invalid_client_metadata';
}

export const errorBodyOf = (error: AppError) => ({ error: codeOf(error), error_description: error.message.replaceAll('\n', '; ') });
