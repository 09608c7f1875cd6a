/**
 * A mail server as a process of its own: takes mail from who signs in as SMTP_USER with SMTP_PASSWORD only, and writes each to SMTP_FOLDER
 * before it says that it has it. Tells its port by a message; ends when it loses its parent.
 */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

const { SMTP_USER, SMTP_PASSWORD, SMTP_FOLDER } = process.env;

const server = new SMTPServer({
  authOptional: false,
  // Without TLS: a test has no certificate that anybody trusts.
  disabledCommands: ['STARTTLS'],
  allowInsecureAuth: true,
  onAuth({ username, password }, _session, done) {
    if (username === SMTP_USER && password === SMTP_PASSWORD) done(null, { user: username });
    else done(new Error('Invalid username or password'));
  },
  onData(stream, { envelope, user }, done) {
    text(stream)
      .then((raw) => {
        const mail = { user, from: envelope.mailFrom.address, to: envelope.rcptTo.map(({ address }) => address), raw };
        return writeFile(path.join(SMTP_FOLDER, `${randomUUID()}.json`), JSON.stringify(mail));
      })
      .then(() => done(), done);
  },
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.server.address().port }));
process.once('disconnect', () => process.exit(0));
