// Enhancement only: every page works without it. It talks to nobody but this server.
(() => {
  const all = (selector) => document.querySelectorAll(selector);

  // Errors: go where they are told.
  document.getElementById('problems')?.focus();

  // Show and hide a password. It is hidden again before it is sent, so that the browser does not keep it as plain text.
  for (const button of all('.show[aria-controls]')) {
    const input = document.getElementById(button.getAttribute('aria-controls'));
    const show = (shown) => {
      input.type = shown ? 'text' : 'password';
      button.textContent = shown ? button.dataset.hide : button.dataset.show;
      button.setAttribute('aria-label', shown ? button.dataset.hideLabel : button.dataset.showLabel);
    };
    button.hidden = false;
    button.addEventListener('click', () => {
      show(input.type === 'password');
      input.focus();
    });
    input.form?.addEventListener('submit', () => show(false));
  }

  // Copy a value that is shown once; where the browser refuses, it is selected.
  for (const button of all('[data-copy]')) {
    const input = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.addEventListener('click', async () => {
      input.select();
      await navigator.clipboard?.writeText(input.value).then(
        () => (button.textContent = button.dataset.done),
        () => {},
      );
    });
  }

  // Caps Lock.
  for (const hint of all('.caps')) {
    const input = hint.closest('.field').querySelector('input');
    const look = (event) => {
      if (!event.getModifierState) return;
      const text = event.getModifierState('CapsLock') ? hint.dataset.caps : '';
      if (hint.textContent !== text) hint.textContent = text;
    };
    input.addEventListener('keydown', look);
    input.addEventListener('keyup', look);
    input.addEventListener('blur', () => {
      hint.textContent = '';
    });
  }

  // How strong a new password is: asked of this server a moment after typing stops; the newest answer counts.
  for (const meter of all('.strength[data-url]')) {
    const input = document.getElementById(meter.dataset.for);
    const words = meter.querySelector('[data-text]');
    const labels = JSON.parse(meter.dataset.labels);
    let timer;
    let asked = 0;
    const clear = () => {
      delete meter.dataset.score;
      words.textContent = '';
    };
    const ask = async () => {
      const turn = ++asked;
      const others = (meter.dataset.inputs || '').split(' ').map((name) => document.getElementById(name)?.value);
      try {
        const answer = await fetch(meter.dataset.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json' },
          body: JSON.stringify({ password: input.value, inputs: others.filter(Boolean) }),
        });
        if (turn !== asked) return;
        if (!answer.ok) return clear();
        const { score, warning, suggestions } = await answer.json();
        if (turn !== asked) return;
        meter.dataset.score = score;
        words.textContent = [labels[score] + (warning ? '.' : ''), warning, ...(suggestions || [])].filter(Boolean).join(' ');
      } catch {
        if (turn === asked) clear();
      }
    };
    input.addEventListener('input', () => {
      clearTimeout(timer);
      if (input.value) {
        timer = setTimeout(ask, 300);
      } else {
        asked += 1;
        clear();
      }
    });
  }

  // One submission at a time, visibly. The lock opens again when the page comes back or the answer never does.
  const said = document.getElementById('busy');
  for (const form of all('form')) {
    let sent = 0;
    form.addEventListener('submit', (event) => {
      if (Date.now() - sent < 15000) return event.preventDefault();
      sent = Date.now();
      if (said) said.textContent = said.dataset.text;
      (event.submitter || form.querySelector('[type=submit]'))?.setAttribute('aria-busy', 'true');
    });
    addEventListener('pageshow', () => {
      sent = 0;
      if (said) said.textContent = '';
      for (const busy of form.querySelectorAll('[aria-busy]')) busy.removeAttribute('aria-busy');
    });
  }

  // A page that only sends the browser on.
  document.querySelector('form[data-forward]')?.requestSubmit();

  // Times in the reader's own zone and manner.
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  for (const time of all('time')) time.textContent = format.format(new Date(time.dateTime));
})();
