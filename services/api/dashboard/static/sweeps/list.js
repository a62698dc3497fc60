// The sweeps, newest first, kept current.

import { h, put } from '../dom.js';
import { ago, clock, duration, integer, percent, shortId } from '../format.js';
import { keepNewest } from '../newest.js';
import { Trouble, emptyBox } from '../notices.js';
import { LIVE_SWEEP, sweepPill } from './parts.js';

const LIVE_MS = 2_000;
const STILL_MS = 8_000;
const COLUMNS = ['Status', 'Model', 'Schedules', 'Trainings', 'Progress', 'Created'];

/** Show the list of sweeps in `root` until `signal` aborts. */
export function showSweeps(root, { signal }) {
  const trouble = new Trouble();
  const list = h('div');
  put(root, h('div', { class: 'head' }, h('h1', {}, 'Sweeps'), h('a', { class: 'button push', href: '#/sweeps/new' }, 'New sweep')), trouble.element, list);
  keepNewest(list, { path: '/v1/sweeps', older: 'Show older sweeps', drawn: (sweeps) => (sweeps.length ? table(sweeps) : noSweeps()),
    pause: (sweeps) => (sweeps.some((sweep) => LIVE_SWEEP.has(sweep.status)) ? LIVE_MS : STILL_MS), trouble, signal });
}

function table(sweeps) {
  const rows = sweeps.map((sweep) => {
    const left = sweep.eta_seconds ? `, ${duration(sweep.eta_seconds)} left` : '';
    const cells = [sweepPill(sweep.status), h('div', { class: 'name' }, h('a', { href: `#/sweeps/${encodeURIComponent(sweep.id)}` }, sweep.model), h('span', { class: 'quiet id', title: sweep.id }, shortId(sweep.id))),
      sweep.labels.join(', '), `${integer(sweep.trainings)} (${integer(sweep.seeds.length)} ${sweep.seeds.length === 1 ? 'seed' : 'seeds'})`, `${percent(sweep.progress, 0)}${left}`, h('time', { datetime: sweep.created_at, title: clock(sweep.created_at) }, ago(sweep.created_at))];
    return h('tr', { 'data-sweep': sweep.id }, cells.map((cell, at) => h('td', { 'data-label': COLUMNS[at] }, cell)));
  });
  return h('table', { class: 'cards jobs-like' }, h('thead', {}, h('tr', {}, COLUMNS.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
}

function noSweeps() {
  return emptyBox('No sweeps yet', h('p', {}, 'A sweep trains one job spec under several schedules, each with several seeds, and says which differences are more than the noise of the seeds.'),
    h('p', {}, h('a', { href: '#/sweeps/new' }, 'Compare schedules'), ' · ', h('a', { href: '#/schedules' }, 'Draw them first')));
}
