// The list of jobs, newest first, kept current.

import { h, put, setAttr, setText } from './dom.js';
import { ago, clock, integer, number, scheduleName, shortId } from './format.js';
import { LIVE, headline, jobButtons, metricText, pill, progressBar } from './job_parts.js';
import { newest } from './newest.js';
import { Trouble, code, emptyBox } from './notices.js';
import { poll } from './poll.js';
import { SweepRow, listed } from './jobs_sweeps.js';

const PAGE = 25;
const MOST = 400;
const LIVE_MS = 1_500;
const STILL_MS = 6_000;
const COLUMNS = ['Status', 'Model', 'Net', 'Schedule', 'Progress', 'Samples/s', 'Newest metric', 'Created', 'Actions'];

/** Show the list in `root` until `signal` aborts. */
export function showJobs(root, { signal }) {
  const list = new JobList();
  const trouble = new Trouble();
  put(root, h('div', { class: 'head' }, h('h1', {}, 'Jobs'), list.count), trouble.element, list.element);
  const load = async () => {
    const answer = await newest('/v1/training_jobs', list.wanted, signal);
    trouble.asked(null);
    list.update(answer.data, answer.has_more);
  };
  const again = poll(load, { pause: () => (list.anyLive ? LIVE_MS : STILL_MS), onError: trouble.asked, signal });
  list.start({ after: () => { trouble.acted(null); again(); }, onError: trouble.acted });
}

class JobList {
  wanted = PAGE;
  anyLive = false;
  #rows = new Map();
  #open = new Set();
  #newest = { jobs: [], hasMore: false };
  #body = h('tbody');
  #more = h('button', { type: 'button', hidden: true }, 'Show older jobs');
  #table = h('table', { class: 'jobs cards' },
    h('thead', {}, h('tr', {}, COLUMNS.map((name) => h('th', { scope: 'col' }, name)))), this.#body);
  #empty = h('div', {});
  count = h('p', { class: 'quiet', role: 'status' });
  element = h('div', {}, this.#table, this.#empty, this.#more);

  start(callbacks) {
    this.callbacks = callbacks;
    this.#more.addEventListener('click', () => { this.wanted = Math.min(this.wanted * 2, MOST); callbacks.after(); });
  }

  update(jobs, hasMore) {
    this.anyLive = jobs.some((job) => LIVE.has(job.status));
    this.#table.hidden = jobs.length === 0;
    this.#more.hidden = !hasMore || this.wanted >= MOST;
    setText(this.count, counts(jobs, hasMore));
    if (jobs.length === 0 && !this.#empty.firstChild) put(this.#empty, noJobs());
    if (jobs.length) put(this.#empty);
    this.#newest = { jobs, hasMore };
    this.#place(listed(jobs, this.#open), hasMore);
  }

  /** Show or hide the trainings of a sweep in the list. */
  #fold(sweep) {
    if (!this.#open.delete(sweep)) this.#open.add(sweep);
    this.update(this.#newest.jobs, this.#newest.hasMore);
  }

  #place(entries, hasMore) {
    const wanted = new Set(entries.map((entry) => entry.id));
    for (const [id, row] of this.#rows) {
      if (!wanted.has(id)) { row.element.remove(); this.#rows.delete(id); }
    }
    entries.forEach((entry, position) => {
      const row = this.#rows.get(entry.id) ?? this.#add(entry);
      row.update(entry, hasMore);
      // Moving a row that is in place already would take the focus from its buttons.
      if (this.#body.children[position] !== row.element) this.#body.insertBefore(row.element, this.#body.children[position] ?? null);
    });
  }

  #add(entry) {
    const row = entry.jobs ? new SweepRow(entry.id, { columns: COLUMNS.length, onFold: () => this.#fold(entry.id) }) : jobRow(entry, this.callbacks);
    this.#rows.set(entry.id, row);
    return row;
  }
}

function counts(jobs, hasMore) {
  const running = jobs.filter((job) => job.status === 'running').length;
  const queued = jobs.filter((job) => job.status === 'queued').length;
  return jobs.length ? `${running} running · ${queued} queued · ${jobs.length}${hasMore ? '+' : ''} shown` : '';
}

function jobRow(job, callbacks) {
  const status = pill(job.status);
  const progress = progressBar();
  const buttons = jobButtons(job.id, callbacks);
  const rate = h('span', { class: 'num' });
  const metric = h('span', { class: 'num' });
  const created = h('time', { datetime: job.created_at, title: clock(job.created_at) });
  const cells = [status.element, nameCell(job), h('code', {}, job.spec?.net?.name ?? '–'), scheduleName(job.spec?.schedule), progress.element, rate, metric, created, buttons.element];
  const element = h('tr', { 'data-job': job.id }, cells.map((content, at) => h('td', { 'data-label': COLUMNS[at] }, content)));
  const update = (now) => {
    status.update(now.status);
    progress.update(now);
    buttons.update(now);
    setAttr(element, 'data-status', now.status);
    setAttr(element, 'data-of', now.sweep);
    setText(rate, now.status === 'running' ? integer(now.samples_per_second) : number(now.samples_per_second, 3));
    setText(metric, metricText(headline(now)));
    setText(created, ago(now.created_at));
  };
  return { element, update };
}

function nameCell(job) {
  const name = job.model ?? job.spec?.model ?? '–';
  return h('div', { class: 'name' }, h('a', { href: `#/jobs/${encodeURIComponent(job.id)}` }, name), h('span', { class: 'quiet id', title: job.id }, shortId(job.id)));
}

function noJobs() {
  const body = `curl -H "Authorization: Bearer $GRADUS_KEY" -H "Content-Type: application/json" \\
  -d '{"model":"movies","dataset":"ds_…","task":{"name":"recommend"},
       "net":{"name":"mf"},"schedule":{"name":"cosine","base_lr":0.01}}' \\
  ${location.origin}/v1/training_jobs`;
  return emptyBox('No jobs yet',
    h('p', {}, 'A job trains one net on one data set with the learning-rate schedule you choose. Upload a data set, then ask for a training:'),
    code(body),
    h('p', {}, h('a', { href: '#/datasets' }, 'See the data sets'), ' · ', h('a', { href: '/docs' }, 'API documentation')));
}
