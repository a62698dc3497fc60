// Learning-rate range tests, newest first.

import { h, put } from '../dom.js';
import { ago, clock, integer, number, shortId } from '../format.js';
import { LIVE, pill } from '../job_parts.js';
import { keepNewest } from '../newest.js';
import { Trouble, emptyBox } from '../notices.js';

const LIVE_MS = 1_500;
const STILL_MS = 8_000;
const COLUMNS = ['Status', 'Model', 'Net', 'Optimizer', 'Rates', 'Updates', 'Created'];

/** Show the list in `root` until `signal` aborts. */
export function showRanges(root, { signal }) {
  const trouble = new Trouble();
  const list = h('div');
  put(root, h('div', { class: 'head' }, h('h1', {}, 'LR range tests'), h('a', { class: 'button push', href: '#/ranges/new' }, 'New range test')), trouble.element, list);
  keepNewest(list, { path: '/v1/lr_range_tests', older: 'Show older range tests', drawn: (tests) => (tests.length ? table(tests) : none()),
    pause: (tests) => (tests.some((test) => LIVE.has(test.status)) ? LIVE_MS : STILL_MS), trouble, signal });
}

function table(tests) {
  const rows = tests.map((test) => {
    const { job, lo, hi } = test.spec;
    const cells = [pill(test.status).element, h('div', { class: 'name' }, h('a', { href: `#/ranges/${encodeURIComponent(test.id)}` }, job.model), h('span', { class: 'quiet id', title: test.id }, shortId(test.id))), h('code', {}, job.net.name), job.optimizer?.name ?? '–',
      `${number(lo, 2)} to ${number(hi, 2)}`, `${integer(test.step)} of ${integer(test.total_steps)}`, h('time', { datetime: test.created_at, title: clock(test.created_at) }, ago(test.created_at))];
    return h('tr', { 'data-range': test.id }, cells.map((cell, at) => h('td', { 'data-label': COLUMNS[at] }, cell)));
  });
  return h('table', { class: 'cards' }, h('thead', {}, h('tr', {}, COLUMNS.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
}

function none() {
  return emptyBox('No range tests yet', h('p', {}, 'A range test trains a fresh copy of a net for two hundred updates or so while the rate climbs from very low to far too high, and reads the useful rates off the loss. It takes seconds; no model is touched.'),
    h('p', {}, h('a', { href: '#/ranges/new' }, 'Find a learning rate')));
}
