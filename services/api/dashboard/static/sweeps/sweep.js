// One sweep's page: how far it is, the table with its sentence, the curves of all schedules, the trainings.

import { download, get, post } from '../api.js';
import { announce, h, put, setText } from '../dom.js';
import { duration, fixed, integer, metricName, percent, shortId } from '../format.js';
import { pill } from '../job_parts.js';
import { Trouble, code } from '../notices.js';
import { poll } from '../poll.js';
import { packed, versionAddress } from '../route.js';
import { SweepCharts } from './charts.js';
import { LIVE_SWEEP, sweepPill, twice } from './parts.js';
import { sweepTable } from './table.js';

const LIVE_MS = 2_500;
const STILL_MS = 15_000;
const FORMS = [['CSV', 'text/csv', 'csv'], ['SVG', 'image/svg+xml', 'svg'], ['PNG', 'image/png', 'png'], ['JSON', 'application/json', 'json']];

/** Show the sweep `name` in `root` until `signal` aborts. */
export function showSweep(root, { name, signal, absent }) {
  new SweepPage(root, { id: name, signal, absent }).start();
}

class SweepPage {
  #sweep = null;
  #metric = '';
  #tableText = '';
  #status = h('span');
  #line = h('p', { class: 'quiet line', role: 'status' });
  #bar = h('progress', { max: '1', 'aria-label': 'Progress' });
  #sentence = h('p', { class: 'sentence' });
  #table = h('div', { class: 'scroll' });
  #jobs = h('div', { class: 'scroll' });
  #actions = h('span', { class: 'actions push' });
  #spec = h('div');

  constructor(root, { id, signal, absent }) {
    this.id = id;
    this.base = `/v1/sweeps/${encodeURIComponent(id)}`;
    this.signal = signal;
    this.trouble = new Trouble({ absent });
    this.charts = new SweepCharts({ signal });
    this.picker = h('select', { 'aria-label': 'Metric', onchange: () => { this.#metric = this.picker.value; this.again(); } });
    this.title = h('h1', {}, '…');
    put(root, h('p', { class: 'crumbs' }, h('a', { href: '#/sweeps' }, 'Sweeps'), ' / ', h('code', {}, id)), h('div', { class: 'head' }, this.title, this.#status, this.#actions), this.#line, this.#bar, this.trouble.element,
      h('section', { class: 'card verdict', 'aria-label': 'Comparison' }, h('div', { class: 'head' }, h('h2', {}, 'Comparison'), h('span', { class: 'push' }, this.picker)), this.#sentence, this.#table),
      this.charts.element, this.#downloads(), h('section', { class: 'card', 'aria-label': 'Trainings' }, h('h2', {}, 'Trainings'), this.#jobs), this.#spec);
  }

  start() {
    this.again = poll(() => this.#refresh(), { pause: () => (LIVE_SWEEP.has(this.#sweep?.status) || !this.#sweep ? LIVE_MS : STILL_MS), onError: this.trouble.asked, signal: this.signal });
  }

  async #refresh() {
    const query = this.#metric ? `?metric=${encodeURIComponent(this.#metric)}` : '';
    const [sweep, curves] = await Promise.all([get(this.base + query, { signal: this.signal }), get(`${this.base}/curves${query}`, { signal: this.signal })]);
    this.trouble.asked(null);
    this.#sweep = sweep;
    this.#head(sweep);
    this.#offer(sweep);
    setText(this.#sentence, sweep.sentence);
    // Drawn again only when something changed, so that a link keeps its focus.
    const text = JSON.stringify([sweep.table, sweep.jobs, sweep.leader]);
    if (text !== this.#tableText) {
      put(this.#table, sweepTable(sweep));
      put(this.#jobs, jobTable(sweep));
      if (!this.#spec.firstChild) put(this.#spec, h('details', { class: 'card' }, h('summary', {}, 'Spec as JSON'), code(JSON.stringify(sweep.spec, null, 2))));
    }
    this.#tableText = text;
    this.charts.draw(curves, sweep);
  }

  #head(sweep) {
    document.title = `Sweep of ${sweep.model} · Gradus`;
    setText(this.title, `${sweep.model}: ${sweep.labels.length} schedules × ${sweep.seeds.length} ${sweep.seeds.length === 1 ? 'seed' : 'seeds'}`);
    put(this.#status, sweepPill(sweep.status));
    const counts = Object.entries(sweep.counts).map(([status, count]) => `${integer(count)} ${status}`).join(', ');
    setText(this.#line, `${percent(sweep.progress, 0)} · ${counts}${sweep.eta_seconds ? ` · ${duration(sweep.eta_seconds)} left` : ''} · ${integer(sweep.total_steps)} steps each`);
    this.#bar.value = sweep.progress;
    this.#bar.dataset.tone = LIVE_SWEEP.has(sweep.status) ? 'live' : 'good';
    if (!this.#actions.firstChild) put(this.#actions, twice('Cancel', (button) => this.#cancel(button)), h('a', { class: 'button small', href: this.#playground(sweep) }, 'Schedules in the playground'));
    this.#actions.firstChild.hidden = !LIVE_SWEEP.has(sweep.status);
  }

  #playground({ spec, total_steps: total, steps_per_epoch: epoch }) {
    const others = spec.schedules.map(({ label, schedule }) => ({ label, schedule }));
    return `#/schedules?state=${packed({ run: { total_steps: total, steps_per_epoch: epoch }, draft: others[0], others: others.slice(1) })}`;
  }

  async #cancel(button) {
    button.disabled = true;
    try {
      await post(`${this.base}/cancel`);
      announce('Cancel asked for');
      this.trouble.acted(null);
      this.again();
    } catch (error) {
      this.trouble.acted(error);
    }
    button.disabled = false;
  }

  #offer({ metrics, metric }) {
    if (this.picker.options.length !== metrics.length) put(this.picker, metrics.map((name) => h('option', { value: name }, metricName(name))));
    this.picker.value = metric;
  }

  #downloads() {
    const save = (accept, ending) => download(this.#metric ? `${this.base}?metric=${encodeURIComponent(this.#metric)}` : this.base, accept, `${shortId(this.id).replace('…', '')}.${ending}`).catch(this.trouble.acted);
    return h('div', { class: 'actions downloads', role: 'group', 'aria-label': 'Download the sweep' }, h('span', { class: 'quiet' }, 'Download:'), FORMS.map(([name, accept, ending]) => h('button', { type: 'button', class: 'small', onclick: () => save(accept, ending) }, name)));
  }
}

const COLUMNS = ['Training', 'Schedule', 'Seed', 'Status', 'Step', 'Validation', 'Test', 'Version'];

function jobTable({ jobs, model, metric }) {
  const rows = jobs.map((job) => {
    const version = job.model_version ? h('a', { href: versionAddress(model, job.model_version) }, `version ${job.model_version}`) : job.error ? h('span', { class: 'wrong' }, job.error.message ?? job.error.code) : '–';
    const cells = [h('a', { href: `#/jobs/${encodeURIComponent(job.id)}`, title: job.id }, shortId(job.id)), job.arm, String(job.seed), pill(job.status).element, `${integer(job.step)} / ${integer(job.total_steps)}`, fixed(job.validation), fixed(job.test), version];
    return h('tr', {}, cells.map((cell, at) => h('td', { 'data-label': COLUMNS[at], class: at > 3 && at < 7 ? 'num' : null }, cell)));
  });
  return h('table', { class: 'cards dense trainings' }, h('caption', {}, `Validation and test: ${metricName(metric)} at the best evaluation`), h('thead', {}, h('tr', {}, COLUMNS.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
}
