export const DISCOVERY = '/.well-known/openid-configuration';

/** Every path there is, as a person or a program would open it; those of the JSON API stand in its description. */
export const EVERY_PATH = [
  ...['/', '/account', '/account/profile', '/account/password', '/account/sessions', '/account/applications', '/account/signed-in'],
  ...['/account/email', '/account/email/cancel', '/account/api-keys', '/account/api-keys/revoke', '/email/confirm', '/email/changed'],
  ...['/register', '/register/resend', '/register/verify', '/register/check-mail', '/register/verified', '/password/strength'],
  ...['/forgot', '/forgot/check-mail', '/reset', '/reset/done', '/dev/mailbox', '/dev/mailbox/x'],
  ...['/authorize', '/authorize/x', '/token', '/userinfo', '/introspect', '/revoke', '/logout', '/logout/confirm', '/logout/success'],
  ...['/interaction/x', '/interaction/x/login', '/interaction/x/consent', '/interaction/x/switch', '/interaction/x/cancel'],
  ...[DISCOVERY, '/.well-known/oauth-authorization-server', '/.well-known/jwks.json', '/livez', '/readyz', '/health'],
  ...['/nowhere', '/assets/nothing.css', '/robots.txt', '/favicon.ico', '/device', '/par', '/connect/register', '/auth/login'],
  ...['/device/auth', '/backchannel'],
];
