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
    meaning: 'JSON or YAML array of resource servers: `{identifier, name, scopes, access_token_format, access_token_ttl_seconds}`',
    schema: value.text,
    fallbackNote: 'none',
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
