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
const LINES = [{ name: 'each update', tone: 'raw', width: 1 }, { name: 'smoothed', tone: 'loss', width: 2, newest: true }];
const FORMS = [['SVG', 'image/svg+xml', 'svg'], ['PNG', 'image/png', 'png'], ['JSON', 'application/json', 'json']];

/** Show the range test `name` in `root` until `signal` aborts. */
export function showRange(root, { name, signal }) {
  new RangePage(root, { id: name, signal }).start();
}

class RangePage {
  #test = null;
  #shown = '';
  #status = pill('');
  #line = h('p', { class: 'quiet line', role: 'status' });
  #found = h('ol', { class: 'suggestions' });
  #error = h('div');
  #actions = h('span', { class: 'actions push' });
  #spec = h('div');

  constructor(root, { id, signal }) {
    this.id = id;
    this.base = `/v1/lr_range_tests/${encodeURIComponent(id)}`;
    this.signal = signal;
    this.trouble = new Trouble();
    this.title = h('h1', {}, 'LR range test');
    this.chart = new Chart('Loss against learning rate', LINES, new Together(), { signal, x: RATES });
    this.chart.tools.append(toggle('log loss', (on) => this.chart.setLog(on)));
    put(root, h('p', { class: 'crumbs' }, h('a', { href: '#/ranges' }, 'Range tests'), ' / ', h('code', {}, id)), h('div', { class: 'head' }, this.title, this.#status.element, this.#actions), this.#line, this.trouble.element, this.#error,
      h('div', { class: 'charts' }, this.chart.element), h('section', { class: 'card', 'aria-label': 'Suggestions' }, h('h2', {}, 'Suggestions'), this.#found),
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
    this.#status.update(test.status);
    const job = test.spec?.job ?? test.job ?? {};
    setText(this.title, job.net ? `LR range test of ${job.net.name} for ${job.model ?? test.model}` : 'LR range test');
    const left = test.diverged_at ? ` · diverged at ${number(test.diverged_at, 3)}` : '';
    setText(this.#line, `${integer(test.lr.length)} updates, from ${number(test.lr[0], 2)} to ${number(test.lr.at(-1), 3)}${left}`);
    put(this.#error, test.error ? h('div', { class: 'notice', 'data-tone': 'bad', role: 'alert' }, h('strong', {}, test.error.code ?? 'failed'), h('p', {}, test.error.message ?? '')) : null);
    if (!this.#actions.firstChild) put(this.#actions, twice('Cancel', (button) => this.#cancel(button)));
    this.#actions.hidden = !LIVE.has(test.status);
    const marks = test.suggestions.map((one, at) => ({ at: one.lr, tone: 'event', sign: String(at + 1), row: at % 2 }));
    this.chart.draw([test.lr, test.loss, test.smoothed], test.diverged_at ? [...marks, { at: test.diverged_at, tone: 'c3', sign: 'diverged', row: 2 }] : marks);
    put(this.#found, test.suggestions.length ? test.suggestions.map((one, at) => this.#suggestion(one, at, test)) : h('li', { class: 'quiet' }, LIVE.has(test.status) ? 'They come when the test has ended.' : 'None: the loss fell nowhere clearly.'));
    if (test.spec && !this.#spec.firstChild) put(this.#spec, h('details', { class: 'card' }, h('summary', {}, 'Spec as JSON'), code(JSON.stringify(test.spec, null, 2))));
  }

  #suggestion(one, at, test) {
    const ready = scheduleOf(test, one, at);
    const link = ready ? `#/schedules?state=${packed({ ...runOf(test), draft: { label: `${roleName(one.role)} ${number(one.lr, 2)}`, schedule: ready }, others: [] })}` : null;
    return h('li', {}, h('span', { class: 'sign', 'aria-label': `Mark ${at + 1}` }, at + 1), h('div', {}, h('p', {}, h('strong', {}, roleName(one.role)), ' ', h('span', { class: 'rate num' }, number(one.lr, 3)), one.rule ? h('span', { class: 'quiet' }, ` · ${String(one.rule).replaceAll('_', ' ')}`) : null), h('p', {}, one.say)),
      link ? h('a', { class: 'button small', href: link, 'aria-label': `Use it: ${roleName(one.role)}` }, 'Use it') : null);
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

/** Return the ready-made schedule of a suggestion, by its role or by its place. */
function scheduleOf({ schedules = [] }, { role, schedule }, at) {
  if (schedule) return schedule;
  const named = schedules.find((one) => one?.role === role);
  const found = named ?? schedules[at];
  return found?.schedule ?? (found && (found.phases || found.base_lr) ? found : null);
}

function runOf({ total_steps: total, steps_per_epoch: epoch }) {
  return total ? { run: { total_steps: total, steps_per_epoch: epoch ?? 1 } } : {};
}
