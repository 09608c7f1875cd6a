import { setting } from './define.js';
import * as value from './values.js';

/** Applications and resource servers, and what they may make this server fetch. */
export const clientSettings = {
  clientsFile: setting({
    name: 'CLIENTS_FILE',
    group: 'Clients',
    meaning: 'JSON or YAML array of client metadata (RFC 7591), applied at every start',
    schema: value.text,
    fallbackNote: 'none',
  }),
  resourcesFile: setting({
    name: 'RESOURCES_FILE',
    group: 'Clients',
    meaning:
      'JSON or YAML array of resource servers: `{identifier, name, scopes, access_token_format, access_token_ttl_seconds, authorization_details_types}`',
    schema: value.text,
    fallbackNote: 'none',
  }),
  registrationOfClients: setting({
    name: 'REGISTRATION_OF_CLIENTS',
    group: 'Clients',
    meaning:
      'who may register a client at `/connect/register` (RFC 7591): `open`: anybody, within limits; `token`: with an initial access token of ' +
      '`latchkey initial-access-token create`; `off`. Such clients are unverified: people are always asked, and warned',
    schema: value.oneOf('open', 'token', 'off'),
    fallback: 'open',
  }),
  clientIdMetadataDocuments: setting({
    name: 'CLIENT_ID_METADATA_DOCUMENTS',
    group: 'Clients',
    meaning: 'whether the address of a public document may be a client id (such clients are unverified as well)',
    schema: value.onOff,
    fallback: 'on',
  }),
  limitClientRegistrationsPerHour: setting({
    name: 'LIMIT_CLIENT_REGISTRATIONS_PER_HOUR',
    group: 'Clients',
    meaning: 'clients that may register themselves in an hour from one address (IPv6: /64); initial access tokens have their own bounds',
    schema: value.integer(1, 1000000),
    fallback: '20',
  }),
  unverifiedClientNeverUsedSeconds: setting({
    name: 'UNVERIFIED_CLIENT_NEVER_USED_SECONDS',
    group: 'Clients',
    meaning: 'how long an unverified client is kept that nobody ever signed in with',
    schema: value.integer(60, 31536000),
    fallback: '86400',
  }),
  unverifiedClientIdleSeconds: setting({
    name: 'UNVERIFIED_CLIENT_IDLE_SECONDS',
    group: 'Clients',
    meaning: 'how long an unverified client is kept after it was last used',
    schema: value.integer(172800, 315360000),
    fallback: '7776000',
  }),
  outboundAllow: setting({
    name: 'OUTBOUND_ALLOW',
    group: 'Clients',
    meaning:
      'hosts and networks beyond the public internet that clients made by the operator may name in their URLs (`jwks_uri` ...): comma list of names, `*.suffix`, addresses, CIDR. They may also have other ports than 443, from 1024 on',
    schema: value.outboundAllow,
    fallbackNote: 'none; in development this machine (`127.0.0.0/8,::1`), over http too',
  }),
};
