/** What can be wrong with a form: `problem.<code>`, or `problem.<code>.<field>` where the field makes a better sentence. */
export const problems = {
  'problem.unknown': 'This did not work. Please try again.',
  'problem.field.required': 'Fill in this field.',
  'problem.field.required.identifier': 'Enter your email address or username.',
  'problem.field.required.email': 'Enter your email address.',
  'problem.field.required.user_code': 'Enter the code that your device shows.',
  'problem.device.unknown_code': 'No device is waiting with this code. Compare it with the one on your device.',
  'problem.device.page_too_old': 'This page had been open for too long, or another tab took over. Enter the code once more.',
  'problem.field.required.password': 'Enter your password.',
  'problem.field.required.current_password': 'Enter your current password.',
  'problem.field.required.new_password': 'Enter a new password.',
  'problem.field.invalid': 'This cannot be used. Please check it.',
  'problem.field.too_long': 'This is too long. Please shorten it.',

  'problem.login.invalid_credentials': 'The email address, username or password is not right. Please check and try again.',
  'problem.login.locked': {
    one: 'Too many attempts. Try again in {count} minute, or reset your password.',
    other: 'Too many attempts. Try again in {count} minutes, or reset your password.',
  },
  'problem.login.unverified': 'Confirm your email address first: open the link in the mail we sent you.',
  'problem.login.superseded': 'Your account was changed while you signed in. Please sign in once more.',
  'problem.login.disabled': 'This account has been disabled. Please ask the people who run this service.',
  'problem.login.rate_limited': {
    one: 'Too many attempts from your network. Try again in {count} minute.',
    other: 'Too many attempts from your network. Try again in {count} minutes.',
  },

  'problem.passwords.too_short': 'Use at least {count} characters for your password.',
  'problem.passwords.too_long': 'Use at most {count} characters for your password.',
  'problem.passwords.too_weak': 'This password is too easy to guess. {advice}',
  'problem.passwords.too_common': 'This password is on every list of common passwords. Choose another one.',
  'problem.passwords.breached':
    'This password has been found in a data leak of another service, so it is among those that are tried first. Choose another one.',
  'problem.password_change.wrong_current': 'The current password is not right.',
  'problem.password_change.unchanged': 'This is your current password. Choose a new one.',
  'problem.password_change.conflict': 'Your password has just been changed elsewhere. Load this page again.',
  'problem.passwords.rate_limited': 'Too many new passwords were tried. Try again in a minute.',
  'problem.passwords.busy': 'Many people are signing in right now. Please try again in a few seconds.',

  'problem.field.required.new_email': 'Enter the new email address.',
  'problem.email_change.wrong_current': 'The current password is not right.',
  'problem.email_change.unchanged': 'This is your address already. Enter another one.',
  'problem.email_change.rate_limited': {
    one: 'Too many changes were asked for. Try again in {count} minute.',
    other: 'Too many changes were asked for. Try again in {count} minutes.',
  },

  'problem.api_keys.permission_not_held': 'A key can only do what you may do yourself. Choose again.',
  'problem.api_keys.too_many': 'You have as many keys as an account can have. Revoke one you no longer need.',

  'problem.registration.invalid_email': 'Enter an email address like name@example.com.',
  'problem.registration.username_taken': 'This username is taken. Choose another one.',
  'problem.registration.password_required': 'Enter the password you chose when you created the account.',
  'problem.registration.wrong_password': 'This is not the password you chose when you created the account.',
  'problem.registration.rate_limited': {
    one: 'Too many accounts were created from your network. Try again in {count} minute.',
    other: 'Too many accounts were created from your network. Try again in {count} minutes.',
  },
  'problem.recovery.rate_limited': {
    one: 'Too many mails were asked for from your network. Try again in {count} minute.',
    other: 'Too many mails were asked for from your network. Try again in {count} minutes.',
  },
  'problem.accounts.username_taken': 'This username is taken. Choose another one.',
} as const;
