// Events, downloads and the spec of a job.

import { download, get } from './api.js';
import { h, put } from './dom.js';
import { clock, shortId } from './format.js';
import { code } from './notices.js';

const FORMS = [['CSV', 'text/csv', 'csv'], ['SVG', 'image/svg+xml', 'svg'], ['PNG', 'image/png', 'png'], ['JSON', 'application/json', 'json']];

/** Every transition of a job with its cause, newest first. */
export class EventList {
  #list = h('ol', { class: 'events' });

  constructor(base) {
    this.base = base;
    this.element = h('section', { class: 'card', 'aria-label': 'Events' }, h('h2', {}, 'Events'), this.#list);
  }

  async load(signal) {
    const answer = await get(`${this.base}/events`, { signal });
    const rows = [...answer.data].sort((a, b) => b.seq - a.seq);
    put(this.#list, rows.map((row) => eventItem(row)));
  }
}

function eventItem(row) {
  const change = row.from_status && row.to_status !== row.from_status ? `${row.from_status} → ${row.to_status}` : row.to_status;
  return h('li', {}, h('time', { datetime: row.at, class: 'quiet num' }, clock(row.at)), h('span', {}, change), h('span', { class: 'quiet' }, causeText(row)));
}

function causeText(row) {
  const detail = Object.entries(row.detail ?? {}).filter(([, value]) => value !== null && typeof value !== 'object').map(([name, value]) => `${name.replaceAll('_', ' ')}: ${value}`);
  return [row.cause.replaceAll('_', ' '), ...detail].join(' · ');
}

/** Return the buttons that save the whole curve: every step as CSV, 5,000 points in the other forms. */
export function downloads(base, id, onError) {
  const path = (ending) => (ending === 'csv' ? `${base}/curve` : `${base}/curve?points=5000`);
  const save = (accept, ending) => download(path(ending), accept, `${shortId(id).replace('…', '')}-curve.${ending}`).catch(onError);
  return h('div', { class: 'actions downloads', role: 'group', 'aria-label': 'Download the curve' },
    h('span', { class: 'quiet' }, 'Download the curve:'),
    FORMS.map(([name, accept, ending]) => h('button', { type: 'button', class: 'small', onclick: () => save(accept, ending) }, name)));
}

/** Return the spec as JSON, closed at first. */
export function specBox(spec) {
  return h('details', { class: 'card' }, h('summary', {}, 'Spec as JSON'), code(JSON.stringify(spec, null, 2)));
}
