import { setting } from './define.js';
import * as value from './values.js';

/** What is believed of the proxy in front. */
export const proxySettings = {
  trustProxy: setting({
    name: 'TRUST_PROXY',
    group: 'Server',
    meaning: 'who may set X-Forwarded-For, -Proto and -Host: a number of hops, or addresses and networks (`loopback`, `10.0.0.0/8`)',
    schema: value.trustProxy,
    fallbackNote: 'nobody',
  }),
  clientCertificateHeader: setting({
    name: 'CLIENT_CERTIFICATE_HEADER',
    group: 'Server',
    meaning:
      'header in which the trusted proxy passes on the certificate of a client (mutual TLS): URL-encoded PEM (nginx `$ssl_client_escaped_cert`) ' +
      'or RFC 9440; needs TRUST_PROXY with addresses. The proxy must set or remove it on every request',
    schema: value.certificateHeader,
    fallbackNote: 'none: mutual TLS is off',
  }),
  clientCertificateVerifiedHeader: setting({
    name: 'CLIENT_CERTIFICATE_VERIFIED_HEADER',
    group: 'Server',
    meaning:
      'header in which it says `SUCCESS` of a certificate by an authority it trusts (nginx `$ssl_client_verify`); for `tls_client_auth`',
    schema: value.certificateHeader,
    fallbackNote: 'none: no `tls_client_auth`',
  }),
};
