/**
 * A certificate for keys.example.com that nobody but the tests believes, good from 2020 to 2120, and its key. Made with openssl; Node cannot make
 * certificates.
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBdjCCARygAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBrZXlzLmV4
YW1wbGUuY29tMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAbMRkw
FwYDVQQDDBBrZXlzLmV4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEhTpjoEvypjo/ucujydu3VLXwIcmCg/mNWCANhw6GSgUCcet+UtTmvEJqo31a
mINIKTptYvoq1ml2FhTnOONr86NPME0wDwYDVR0TAQH/BAUwAwEB/zAbBgNVHREE
FDASghBrZXlzLmV4YW1wbGUuY29tMB0GA1UdDgQWBBRy/5UBqTAcjXwMXspRplFL
1CcrlzAKBggqhkjOPQQDAgNIADBFAiEAq9h4NYmYlwgE7RZutgBfV24QMCgOJy9U
ZtT3MQh7JRsCIHB0zOkm0e/8j11HYDRu+NincLmX9JOgR0O0W+wABb+v
-----END CERTIFICATE-----
`;

export const certificateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgv7miCNypKSXF3uzQ
ydOLSqnu464uEr2Zg9QPyUUSrAmhRANCAASFOmOgS/KmOj+5y6PJ27dUtfAhyYKD
+Y1YIA2HDoZKBQJx635S1Oa8QmqjfVqYg0gpOm1i+irWaXYWFOc442vz
-----END PRIVATE KEY-----
`;
