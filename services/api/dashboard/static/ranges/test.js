// One range test's page: the loss against the rate as it climbs, and the rates that are worth using.

import { download, get, post } from '../api.js';
import { Chart, RATES, Together, toggle } from '../chart.js';
import { announce, h, put, setText } from '../dom.js';
import { integer, number, shortId } from '../format.js';
import { LIVE, pill } from '../job_parts.js';
import { Trouble, code } from '../notices.js';
import { poll } from '../poll.js';
import { packed } from '../route.js';
import { twice } from '../sweeps/parts.js';
import { roleName } from './roles.js';

const LIVE_MS = 700;
const STILL_MS = 20_000;
const ROOM = 0.7;  // of the fall, shown above the level that it began at
const LINES = [{ name: 'each update', tone: 'raw', width: 1 }, { name: 'smoothed', tone: 'loss', width: 2, newest: true }];
const FORMS = [['SVG', 'image/svg+xml', 'svg'], ['PNG', 'image/png', 'png'], ['JSON', 'application/json', 'json']];

/** Show the range test `name` in `root` until `signal` aborts. */
export function showRange(root, { name, signal, absent }) {
  new RangePage(root, { id: name, signal, absent }).start();
}

class RangePage {
  #test = null;
  #shown = '';
  #whole = false;
  #status = pill('');
  #line = h('p', { class: 'quiet line', role: 'status' });
  #meaning = h('p', { class: 'quiet', hidden: true });
  #found = h('ol', { class: 'suggestions' });
  #error = h('div');
  #actions = h('span', { class: 'actions push' });
  #spec = h('div');

  constructor(root, { id, signal, absent }) {
    this.id = id;
    this.base = `/v1/lr_range_tests/${encodeURIComponent(id)}`;
    this.signal = signal;
    this.trouble = new Trouble({ absent });
    this.title = h('h1', {}, 'LR range test');
    this.chart = new Chart('Loss against learning rate', LINES, new Together(), { signal, x: RATES });
    this.chart.tools.append(toggle('all of the loss', (on) => { this.#whole = on; this.#clip(); }), toggle('log', (on) => this.chart.setLog(on)));
    put(root, h('p', { class: 'crumbs' }, h('a', { href: '#/ranges' }, 'Range tests'), ' / ', h('code', {}, id)), h('div', { class: 'head' }, this.title, this.#status.element, this.#actions), this.#line, this.trouble.element, this.#error,
      h('div', { class: 'charts' }, this.chart.element), h('section', { class: 'card', 'aria-label': 'Suggestions' }, h('h2', {}, 'Suggestions'), this.#meaning, this.#found),
      h('div', { class: 'actions downloads', role: 'group', 'aria-label': 'Download' }, h('span', { class: 'quiet' }, 'Download:'), FORMS.map(([name, accept, ending]) => h('button', { type: 'button', class: 'small', onclick: () => download(this.base, accept, `${shortId(id).replace('…', '')}.${ending}`).catch(this.trouble.acted) }, name))), this.#spec);
  }

  start() {
    this.again = poll(() => this.#refresh(), { pause: () => (!this.#test || LIVE.has(this.#test.status) ? LIVE_MS : STILL_MS), onError: this.trouble.asked, signal: this.signal });
  }

  async #refresh() {
    const test = await get(this.base, { signal: this.signal });
    this.trouble.asked(null);
    if (this.#test && this.#test.status !== test.status) announce(`The range test ${test.status}`);
    this.#test = test;
    const text = JSON.stringify(test);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#draw(test);
  }

  #draw(test) {
    const { job } = test.spec;
    this.#status.update(test.status);
    setText(this.title, `LR range test of ${job.net.name} for ${job.model}`);
    const left = test.diverged_at ? ` · diverged at ${number(test.diverged_at, 3)}` : '';
    setText(this.#line, test.lr.length ? `${integer(test.lr.length)} of at most ${integer(test.total_steps)} updates, from ${number(test.lr[0], 2)} to ${number(test.lr.at(-1), 3)}${left}` : 'waiting for a worker');
    put(this.#error, test.error ? h('div', { class: 'notice', 'data-tone': 'bad', role: 'alert' }, h('strong', {}, test.error.code), h('p', {}, test.error.message ?? '')) : null);
    if (!this.#actions.firstChild) put(this.#actions, twice('Cancel', (button) => this.#cancel(button)));
    this.#actions.hidden = !LIVE.has(test.status);
    const rates = [...new Set(test.suggestions.map((one) => one.lr))];
    const rank = new Map([...rates].sort((a, b) => a - b).map((rate, at) => [rate, at]));
    const marks = rates.map((rate, at) => ({ at: rate, tone: 'event', sign: String(at + 1), row: rank.get(rate) % 3 }));
    this.#clip();
    this.chart.draw([test.lr, test.loss, test.smoothed], test.diverged_at ? [...marks, { at: test.diverged_at, tone: 'c3', sign: 'diverged', row: 3 }] : marks);
    setText(this.#meaning, test.landmarks && test.suggestions.length ? `The bottom, ${number(test.landmarks.bottom, 3)}, is the middle of the rates at which the smoothed loss was about at its lowest. Each suggestion is a multiple of it.` : '');
    this.#meaning.hidden = !this.#meaning.textContent;
    put(this.#found, test.suggestions.map((one) => suggestion(one, rates.indexOf(one.lr) + 1, test)), test.suggestions.length ? null : h('li', { class: 'quiet' }, test.advice ?? (LIVE.has(test.status) ? 'They come when the test has ended.' : 'None.')));
    if (!this.#spec.firstChild) put(this.#spec, h('details', { class: 'card' }, h('summary', {}, 'Spec as JSON'), code(JSON.stringify(test.spec, null, 2))));
  }

  /** The end of a test is an explosion that would hide the fall before it. */
  #clip() {
    const known = (this.#test?.smoothed ?? []).filter(Number.isFinite);
    const lowest = Math.min(...known);
    const level = Math.max(...known.slice(0, known.indexOf(lowest) + 1));
    this.chart.setTop(this.#whole || !known.length ? null : level + ROOM * Math.max(level - lowest, Math.abs(level) * 0.1));
  }

  async #cancel(button) {
    button.disabled = true;
    try {
      await post(`${this.base}/cancel`);
      this.again();
    } catch (error) {
      this.trouble.acted(error);
    }
    button.disabled = false;
  }
}

/** A schedule that is used is laid over the training whose rates were tried, and a training with it starts from that one. */
function suggestion({ role, lr, rule, say }, mark, { id, schedules, steps_per_epoch: epoch, spec }) {
  const ready = schedules.find((one) => one.role === role)?.schedule;
  const state = packed({ run: { total_steps: epoch * spec.job.epochs, steps_per_epoch: epoch }, draft: { label: `${roleName(role)}, ${number(lr, 2)}`, schedule: ready } });
  const link = ready ? `#/schedules?state=${state}&range=${encodeURIComponent(id)}` : null;
  return h('li', {}, h('span', { class: 'sign', 'aria-label': `Mark ${mark}` }, mark), h('div', {}, h('p', {}, h('strong', {}, roleName(role)), ' ', h('span', { class: 'rate num' }, number(lr, 3)), h('span', { class: 'quiet' }, ` · ${rule}`)), h('p', {}, say)),
    link ? h('a', { class: 'button small', href: link, 'aria-label': `Use it: ${roleName(role)}` }, 'Use it') : null);
}
