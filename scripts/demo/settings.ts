/**
 * What the demo has to know before it starts: where it listens, which issuer it trusts, and the
 * client id and secret it was registered with (`clients.json` beside this file).
 */
export type DemoSettings = {
  /** Fixed on purpose: cookies ignore ports, so the demo must not share the host name of the issuer. */
  host: '127.0.0.1';
  /** 0 lets the system choose a free port, which tests use. */
  port: number;
  issuerUrl: URL;
  clientId: string;
  clientSecret: string;
};

/** The secret of `clients.json`. It is public knowledge and only a development server accepts it. */
const DEVELOPMENT_SECRET = 'demo-secret-for-development-only-never-in-production';

/** Reads the settings, or throws an Error whose message says what to mend. */
export function readSettings(env: Record<string, string | undefined>): DemoSettings {
  const port = Number(env.DEMO_PORT || 3001);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error('DEMO_PORT must be a port number between 0 and 65535');
  }
  const issuerUrl = env.ISSUER_URL || 'http://localhost:3000';
  if (!URL.canParse(issuerUrl) || !/^https?:$/.test(new URL(issuerUrl).protocol)) {
    throw new Error('ISSUER_URL must be an address that starts with http:// or https://');
  }
  return {
    host: '127.0.0.1',
    port,
    issuerUrl: new URL(issuerUrl),
    clientId: env.DEMO_CLIENT_ID || 'demo',
    clientSecret: env.DEMO_CLIENT_SECRET || DEVELOPMENT_SECRET,
  };
}
