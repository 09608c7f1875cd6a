/** Mails: who writes, why, one button, the plain link, when it ends, what to do if it was not you. */
export const mail = {
  'mail.hello': 'Hello {name},',
  'mail.hello_unnamed': 'Hello,',
  'mail.link_plain': 'If the button does not work, copy this address into your browser:',
  'mail.footer': 'This mail was sent by {brand} ({host}).',
  'mail.footer_why': 'You get it because {email} was given there.',
  'mail.valid_hours': {
    one: 'The link works once, for {count} hour, until {until}.',
    other: 'The link works once, for {count} hours, until {until}.',
  },
  'mail.valid_until': 'You can answer until {until}.',
  'mail.when': 'When',
  'mail.device': 'Device',
  'mail.ip': 'IP address',
  'mail.application': 'Application',
  'mail.keys_living': 'API keys that still work',
  'mail.keys_ended': 'API keys that were revoked',

  'mail.verify.subject': 'Confirm your email address for {brand}',
  'mail.verify.title': 'Confirm your email address',
  'mail.verify.why': 'Somebody, most likely you, created an account at {brand} with this address. Confirm that it is yours.',
  'mail.verify.button': 'Confirm my address',
  'mail.verify.not_you': 'Was it not you? Then do nothing: nobody but you can confirm this address.',

  'mail.registered.subject': 'You already have an account at {brand}',
  'mail.registered.title': 'You already have an account',
  'mail.registered.why':
    'Somebody, most likely you, tried to create an account at {brand} with this address. It has one already, so nothing was changed.',
  'mail.registered.button': 'Sign in',
  'mail.registered.forgot': 'Forgot your password? Choose a new one:',
  'mail.registered.not_you': 'Was it not you? Then do nothing. Nobody was told that this address has an account.',

  'mail.reset.subject': 'Choose a new password for {brand}',
  'mail.reset.title': 'Choose a new password',
  'mail.reset.why': 'Somebody, most likely you, asked for a new password for your account at {brand}.',
  'mail.reset.button': 'Choose a new password',
  'mail.reset.not_you': 'Was it not you? Then do nothing: your password stays as it is.',

  'mail.changed.subject': 'Your password for {brand} has been changed',
  'mail.changed.title': 'Your password has been changed',
  'mail.changed.why': 'The password of your account at {brand} has just been changed, and every other device has been signed out.',
  'mail.changed.button': 'Look at your account',
  'mail.changed.not_you': 'Was it not you? Choose a new password at once:',

  'mail.email_confirm.subject': 'Confirm your new email address for {brand}',
  'mail.email_confirm.title': 'Confirm your new email address',
  'mail.email_confirm.why':
    'Somebody, most likely you, wants to use this address for an account at {brand}. Confirm that it is yours. From then on you sign in with it.',
  'mail.email_confirm.button': 'Confirm my new address',
  'mail.email_confirm.not_you':
    'Was it not you? Then do nothing, and do not confirm: your address would become the address of somebody else’s account.',

  'mail.email_taken.subject': 'Your address already has an account at {brand}',
  'mail.email_taken.title': 'This address already has an account',
  'mail.email_taken.why':
    'Somebody, perhaps you, wanted to use this address for another account at {brand}. It has an account already, so nothing was changed.',
  'mail.email_taken.button': 'Sign in',
  'mail.email_taken.not_you': 'Was it not you? Then do nothing. Nobody was told that this address has an account.',

  'mail.email_requested.subject': 'A new email address was asked for at {brand}',
  'mail.email_requested.title': 'Your email address is about to change',
  'mail.email_requested.why':
    'Somebody, most likely you, gave the password of your account at {brand} and asked for another email address. It changes when the new address is confirmed.',
  'mail.email_requested.button': 'Look at your account',
  'mail.email_requested.not_you':
    'Was it not you? Then somebody knows your password. Choose a new one at once: that also stops the change.',

  'mail.email_changed.subject': 'Your email address for {brand} has been changed',
  'mail.email_changed.title': 'Your email address has been changed',
  'mail.email_changed.why':
    'Your account at {brand} now has another email address. You sign in with that one, and mails go there from now on. This is the last one to this address.',
  'mail.email_changed.button': 'Look at your account',
  'mail.email_changed.not_you':
    'Was it not you? Sign in with the username or the new address if you can, choose a new password and sign out every other device. If you cannot, tell the people who run {brand} at once: they can give the account back to you.',

  'mail.device.subject': 'New sign-in to {brand}',
  'mail.device.title': 'New sign-in to your account',
  'mail.device.why': 'Somebody signed in to your account at {brand} from a device we have not seen before.',
  'mail.device.button': 'Look at your devices',
  'mail.device.not_you': 'Was it you? Then there is nothing to do. If not, sign that device out and choose a new password:',

  'mail.locked.subject': 'Too many sign-in attempts at {brand}',
  'mail.locked.title': 'Your account is locked for a while',
  'mail.locked.why': {
    one: 'The password of your account at {brand} was wrong several times, so signing in from unknown devices is locked for {count} minute.',
    other:
      'The password of your account at {brand} was wrong several times, so signing in from unknown devices is locked for {count} minutes.',
  },
  'mail.locked.button': 'Choose a new password',
  'mail.locked.not_you':
    'Was it not you? None of these attempts got in, and devices you have used before still work. A new password also ends the lock.',

  'mail.reuse.subject': 'An application was signed out of your account at {brand}',
  'mail.reuse.title': 'An application was signed out',
  'mail.reuse.why':
    'A key to your account at {brand}, which one application keeps for you, was used by two at once. One of them may not be that application, so we signed both out. Signing in there again is safe.',
  'mail.reuse.button': 'Look at your devices',
  'mail.reuse.not_you': 'Is there a device or a sign-in you do not know? Sign it out and choose a new password:',

  'mail.approve.subject': 'An application asks to sign you in at {brand}',
  'mail.approve.title': 'May this application sign you in?',
  'mail.approve.why':
    'An application asks whether it may sign you in with your account at {brand}. Look at what it asks for, and then allow or refuse it. Nothing happens before you do.',
  'mail.approve.button': 'Look at the request',
  'mail.approve.binding': 'It must show you',
  'mail.approve.not_you': 'Did you not just ask for this? Then refuse, or do nothing: it ends by itself, and nobody is signed in.',
  'mail.approve.forgot':
    'Is it happening again and again? Somebody may know your username. Your password is safe; you can choose a new one here:',

  'mail.replaced.subject': 'Your account at {brand} has another email address now',
  'mail.replaced.title': 'This address is not used any more',
  'mail.replaced.why':
    'The people who run {brand} gave your account another email address. Mails go there from now on, and this address signs nobody in.',
  'mail.replaced.button': 'Open {brand}',
  'mail.replaced.not_you': 'Did you not expect this? Ask the people who run {brand} to undo it.',

  'mail.set.subject': 'This is the email address of your account at {brand} now',
  'mail.set.title': 'Your account has a new email address',
  'mail.set.why':
    'The people who run {brand} gave an account this email address. It signs you in from now on; your password is what it was.',
  'mail.set.button': 'Look at your account',
  'mail.set.forgot': 'Forgot your password? Choose a new one:',
  'mail.set.not_you': 'Do you have no account there? Then do nothing, or tell the people who run {brand}.',

  'mail.test.subject': 'A test mail from {brand}',
  'mail.test.title': 'Mail works',
  'mail.test.why': 'The people who run {brand} sent this mail to see whether its mail server is set up well. It is.',
  'mail.test.button': 'Open {brand}',
  'mail.test.not_you': 'There is nothing else to do.',
} as const;
