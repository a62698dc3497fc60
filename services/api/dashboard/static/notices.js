// What the page says when there is nothing to show or something went wrong, and what to do then.

import { h, put } from './dom.js';

const HINTS = {
  0: 'Check that the gateway is running and that this page was opened from it. The page keeps trying.',
  401: 'The key is mistyped or revoked. The first key of an installation stands in admin.key in its home folder (.gradus by default).',
  403: 'The key is valid but lacks the scope for this. A key with the admin scope can make one that has it: POST /v1/keys.',
  429: 'The server is busy; the page tries again by itself.',
  503: 'Something the server depends on does not answer; the page tries again by itself.',
};

const TITLES = { 0: 'No connection', 401: 'The key is not accepted', 403: 'Not allowed', 404: 'Not found', 422: 'Refused', 503: 'Not available now' };

/** Return a finding as a sentence: a word (`Refused`), the place of the bad input if it names one, what is wrong there. */
export function said(word, { loc = [], message }) {
  return [word, loc.length ? [' at ', placed(loc)] : null, ': ', message];
}

function placed(loc) {
  return h('code', {}, loc.join(' › '));
}

/** Return a box that shows an ApiError: title, detail, the places of bad input, and what to do. */
export function errorBox(error) {
  const places = (error.errors ?? []).map((entry) => h('li', {}, entry.loc?.length ? [placed(entry.loc), ': '] : null, entry.message));
  return h('div', { class: 'notice', 'data-tone': 'bad', role: 'alert' },
    h('strong', {}, TITLES[error.status] ?? 'That did not work'),
    error.isPointer && places.length ? null : h('p', {}, error.message),
    places.length ? h('ul', { class: 'places' }, places) : null,
    HINTS[error.status] ? h('p', { class: 'quiet' }, HINTS[error.status]) : null);
}

/** Return the box of an empty list: what would stand here, and how to get there. */
export function emptyBox(title, ...content) {
  return h('div', { class: 'empty' }, h('h2', {}, title), content);
}

/** Return the notice of an address at which there is no such `thing`: why, and the `ways` on (`[address, text]`). */
export function absentBox({ message, errors = [] }, { thing, ways }) {
  const why = errors.length ? errors.map((entry) => entry.message).join('; ') : message;
  return h('div', { class: 'empty', role: 'alert' }, h('h1', {}, `No such ${thing}`),
    h('p', {}, 'Nothing stands at ', h('code', {}, location.hash.slice(0, 80)), `${why ? `: ${why}` : ''}. Go on to:`),
    h('ul', { class: 'plain-list' }, ways.map(([address, text]) => h('li', {}, h('a', { href: address }, text)))));
}

/** Return a block of shell or JSON text. */
export function code(text) {
  return h('pre', { class: 'code', tabindex: '0' }, h('code', {}, text));
}

/** Return what a reader is told whose key the server did not accept. */
export function refusedBox() {
  return errorBox({ status: 401, message: 'The page has forgotten it. Enter another key in the field at the top.' });
}

/** Return what a reader without a key is told. */
export function keyBox() {
  return h('div', { class: 'empty' }, h('h1', {}, 'An API key is needed'),
    h('p', {}, 'This page reads the REST API as you, so it needs a key. The first start wrote an admin key to a file that only its owner can read, in the home folder of the installation (.gradus unless GRADUS_HOME says otherwise):'),
    code('cat .gradus/admin.key'),
    h('p', {}, 'Paste it into the field at the top, or open the page with the key in the fragment, which is taken out of the address at once:'),
    code(`${location.origin}/#key=gradus_…`),
    h('p', { class: 'quiet' }, 'The key stays in this tab (sessionStorage) and is sent in the Authorization header only.'));
}

const FOR_GOOD = new Set([404, 422]);

/**
 * A place for two kinds of trouble: that of asking again and again, which heals by itself, and that of an action.
 * `absent(error)` hears that the first question found nothing at its address.
 */
export class Trouble {
  #answered = false;
  #asking = h('div');
  #acting = h('div');
  element = h('div', { class: 'trouble' }, this.#asking, this.#acting);

  constructor({ absent = null } = {}) {
    this.absent = absent;
  }

  /** Show why the newest question failed; nothing clears it. */
  asked = (error) => {
    if (this.absent && !this.#answered && FOR_GOOD.has(error?.status)) { this.absent(error); return; }
    this.#answered ||= !error;
    put(this.#asking, error ? errorBox(error) : null);
  };

  /** Show why an action was refused, until the next one. */
  acted = (error) => { put(this.#acting, error ? errorBox(error) : null); };
}
