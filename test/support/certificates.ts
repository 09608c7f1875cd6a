import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';

const tlv = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const size = body.length < 128 ? Buffer.from([body.length]) : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), size, body]);
};
const sequence = (...parts: Buffer[]) => tlv(0x30, ...parts);
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'));
const time = (date: Date) => tlv(0x17, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));

const NAMES: Record<string, string> = { CN: '550403', O: '55040a', OU: '55040b', C: '550406' };
const name = (parts: readonly (readonly [string, string])[]) =>
  sequence(...parts.map(([type, value]) => tlv(0x31, sequence(oid(NAMES[type] ?? ''), tlv(0x0c, Buffer.from(value))))));

/** Tags of GeneralName (RFC 5280). */
const KINDS = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;
type AlternativeName = { kind: keyof typeof KINDS; value: string };
const alternative = ({ kind, value }: AlternativeName) =>
  tlv(KINDS[kind], kind === 'ip' ? Buffer.from(value.split('.').map(Number)) : Buffer.from(value));

export type TestCertificate = {
  /** as nginx sends it */
  header: string;
  /** as RFC 9440 has it */
  bytes: string;
  /** `x5t#S256` */
  thumbprint: string;
  /** public JWK with `x5c` */
  jwk: Record<string, unknown>;
  pem: string;
  keyPem: string;
  issuing: { subject: readonly (readonly [string, string])[]; privateKey: KeyObject };
};

/**
 * A certificate, self-signed unless an authority signs it.
 * @param options.subject its names, the most general first
 * @param options.isAuthority whether it may sign others
 */
export function createCertificate({
  subject = [['CN', 'client']],
  names = [],
  isAuthority = false,
  authority,
}: {
  subject?: readonly (readonly [string, string])[];
  names?: readonly AlternativeName[];
  isAuthority?: boolean;
  authority?: TestCertificate;
} = {}): TestCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid('2a8648ce3d040302'));
  const year = 365 * 86_400_000;
  const list = [
    ...(names.length > 0 ? [sequence(oid('551d11'), tlv(0x04, sequence(...names.map(alternative))))] : []),
    ...(isAuthority ? [sequence(oid('551d13'), tlv(0x01, Buffer.from([0xff])), tlv(0x04, sequence(tlv(0x01, Buffer.from([0xff])))))] : []),
  ];
  const signer = authority?.issuing ?? { subject, privateKey };
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name(signer.subject),
    sequence(time(new Date(Date.now() - year)), time(new Date(Date.now() + year))),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(list.length > 0 ? [tlv(0xa3, sequence(...list))] : []),
  );
  const signature = sign('sha256', body, signer.privateKey);
  const der = sequence(body, algorithm, tlv(0x03, Buffer.from([0]), signature));
  const certificate = new X509Certificate(der);
  return {
    header: encodeURIComponent(certificate.toString()),
    bytes: `:${der.toString('base64')}:`,
    thumbprint: Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url'),
    pem: certificate.toString(),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    issuing: { subject, privateKey },
    jwk: { ...publicKey.export({ format: 'jwk' }), x5c: [der.toString('base64')] },
  };
}
