// Every schedule of the catalogue as a card: what it is for, its formula, its shape, and two ways to use it.

import { h, put, svg } from '../dom.js';
import { scheduleName } from '../format.js';
import { listed } from './form.js';
import { previewAll } from './preview.js';
import { families } from './words.js';

const RUN = { total_steps: 1000, steps_per_epoch: 20 };
const POINTS = 120;
const MOST = 20;
const WIDE = 160;
const HIGH = 44;

export class CataloguePanel {
  #places = new Map();

  constructor(entries, { signal, onUse, onAdd }) {
    this.onUse = onUse;
    this.onAdd = onAdd;
    this.element = h('section', { class: 'catalogue', 'aria-label': 'Catalogue' }, h('h2', {}, 'All schedules'),
      families(entries).map(([title, members]) => h('section', {}, h('h3', {}, title), h('div', { class: 'catalogue-grid' }, members.map((entry) => this.#card(entry))))));
    this.#sketch(entries.filter((entry) => entry.kind === 'phase').slice(0, MOST), signal).catch(() => {});
  }

  #card(entry) {
    const place = h('div', { class: 'sketch' });
    this.#places.set(entry.name, place);
    const isPhase = entry.kind === 'phase';
    const { phases } = entry.example;
    const use = isPhase && !phases ? 'Use it' : 'Use its example';
    return h('article', { class: 'card', 'data-schedule': entry.name }, h('h4', {}, entry.name), isPhase ? place : null,
      isPhase && phases ? h('p', { class: 'quiet' }, `Drawn: ${scheduleName(entry.example)}`) : null, h('p', {}, entry.purpose), h('p', { class: 'formula' }, h('code', {}, entry.formula)),
      h('p', { class: 'actions' }, 'name' in entry.example || 'phases' in entry.example ? h('button', { type: 'button', class: 'small', 'aria-label': `${use}: ${entry.name}`, onclick: () => this.onUse(entry) }, use) : h('span', { class: 'quiet' }, 'On the page of a running job.'),
        isPhase ? h('button', { type: 'button', class: 'small', 'aria-label': `Add as phase: ${entry.name}`, onclick: () => this.onAdd(entry) }, 'Add as phase') : null),
      more(entry));
  }

  /** Draw what every example does; where one cannot run in so few steps its place stays empty. */
  async #sketch(entries, signal) {
    const found = await previewAll(entries.map(({ name, example }) => ({ label: name, schedule: listed(example) })), RUN, { signal, points: POINTS });
    found.forEach((curve, at) => { if (curve?.steps) put(this.#places.get(entries[at].name), sketch(curve)); });
  }
}

function more(entry) {
  const symbols = Object.entries(entry.symbols ?? {});
  return h('details', {}, h('summary', {}, 'Symbols, values, sources'), h('div', { class: 'stack' },
    h('dl', { class: 'pairs' }, symbols.map(([sign, name]) => [h('dt', {}, h('code', {}, sign)), h('dd', {}, name)])),
    h('dl', { class: 'pairs' }, (entry.boundaries ?? []).map(([where, value]) => [h('dt', {}, where), h('dd', {}, value)])),
    h('ul', { class: 'plain-list' }, (entry.sources ?? []).map((source) => h('li', {}, source)))));
}

function sketch({ label, steps, lr, stats }) {
  const top = stats.max || 1;
  const points = steps.map((step, at) => `${(step / RUN.total_steps * WIDE).toFixed(1)},${(HIGH - 2 - lr[at] / top * (HIGH - 4)).toFixed(1)}`).join(' ');
  return svg('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `The shape of ${label}` }, svg('polyline', { points }));
}
