// The header: is the server ready, and whose key is in use.

import { h, put, setAttr, setText } from './dom.js';
import { poll } from './poll.js';
import { key, onKeyChange, setKey, shownKey, wasRefused } from './session.js';

const PAUSE_MS = 5_000;

/** Start the readiness light and the key field. */
export function startHeader() {
  const slot = document.getElementById('key');
  const draw = () => {
    put(slot, key() ? keyInUse() : keyForm());
    if (wasRefused()) document.getElementById('key-field').focus();
  };
  onKeyChange(draw);
  draw();
  poll(checkReadiness, { pause: () => PAUSE_MS, onError: () => showHealth('bad', 'no connection'), signal: new AbortController().signal });
}

async function checkReadiness() {
  const response = await fetch('/readyz', { cache: 'no-store' });
  if (response.ok) showHealth('good', 'ready');
  else showHealth('warn', (await unready(response)) || 'not ready');
}

async function unready(response) {
  try {
    const body = await response.json();
    const lost = Object.keys(body).filter((name) => name !== 'ready' && body[name] === false);
    return `not ready: ${lost.join(', ') || body.detail || body.title || 'starting'}`;
  } catch {
    return '';
  }
}

function showHealth(tone, text) {
  const health = document.getElementById('health');
  setAttr(health.querySelector('.dot'), 'data-tone', tone);
  setText(health.querySelector('.health-text'), text);
}

function keyForm() {
  const field = h('input', { id: 'key-field', type: 'password', autocomplete: 'off', spellcheck: 'false', placeholder: 'gradus_…', required: true });
  const submit = (event) => { event.preventDefault(); setKey(field.value); };
  return h('form', { class: 'key-form', onsubmit: submit }, h('label', { for: 'key-field' }, 'API key'), field, h('button', { type: 'submit' }, 'Use key'));
}

function keyInUse() {
  return h('div', { class: 'key-form' },
    h('span', { class: 'quiet' }, 'Key ', h('code', { class: 'key-id' }, shownKey())),
    h('button', { type: 'button', class: 'plain', onclick: () => setKey('') }, 'Forget key'));
}
