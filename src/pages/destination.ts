/** Where a redirect goes: to a site, to whichever program listens on this device, or to whichever has claimed a scheme. */
export type Destination = 'site' | 'device' | 'scheme';

export function kindOf(uri: string): Destination {
  const { protocol, hostname } = new URL(uri);
  if (!/^https?:$/.test(protocol)) return 'scheme';
  return /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname) ? 'device' : 'site';
}

/** Host (and port) a redirect goes to; the scheme where no host answers. */
export function hostOf(uri: string): string {
  const { host, protocol } = new URL(uri);
  return /^https?:$/.test(protocol) ? host : protocol;
}
