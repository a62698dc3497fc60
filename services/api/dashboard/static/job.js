// One job's page: its curves drawing themselves, its events, its report.

import { get } from './api.js';
import { Curve } from './curve.js';
import { announce, h, put } from './dom.js';
import { ForkDialog } from './job/fork.js';
import { Gradients } from './job/gradients.js';
import { Lineage } from './job/lineage.js';
import { RateEvents, driftAlert } from './job/rate_events.js';
import { EventList, downloads, specBox } from './job_details.js';
import { JobCharts } from './job_charts.js';
import { JobFacts } from './job_facts.js';
import { LIVE } from './job_parts.js';
import { Trouble } from './notices.js';
import { poll } from './poll.js';
import { ReportPanel } from './report.js';
import { follow } from './sse.js';

const LIVE_MS = 2_000;
const STILL_MS = 10_000;
const DRAW_MS = 120;
const GRADIENTS_MS = 5_000;

/** Show the job `name` in `root` until `signal` aborts. */
export function showJob(root, { name, signal, absent }) {
  new JobPage(root, { id: name, signal, absent }).start();
}

class JobPage {
  #job = null;
  #drawn = 0;
  #drawTimer = null;
  #sampled = 0;

  constructor(root, { id, signal, absent }) {
    this.id = id;
    this.base = `/v1/training_jobs/${encodeURIComponent(id)}`;
    this.signal = signal;
    this.curve = new Curve();
    this.trouble = new Trouble({ absent });
    this.facts = new JobFacts(id, { after: () => { this.trouble.acted(null); this.again(); }, onError: this.trouble.acted });
    this.charts = new JobCharts(this.curve, { signal });
    this.report = new ReportPanel(this.base);
    this.events = new EventList(this.base);
    this.rates = new RateEvents(this.base, { after: () => this.again(), onEvent: () => this.#loadCurve() });
    this.gradients = new Gradients(this.base, { signal });
    this.fork = new ForkDialog(this.base);
    this.lineage = new Lineage(id, { onFork: () => this.fork.open(this.#job) });
    this.drift = h('div', { class: 'trouble' });
    this.spec = h('div');
    put(root, this.facts.element, this.lineage.element, this.trouble.element, this.drift, this.#layout(), this.fork.element);
  }

  #layout() {
    return h('div', { class: 'job-grid' },
      h('section', { class: 'job-main', 'aria-label': 'Curves' }, this.charts.element, downloads(this.base, this.id, this.trouble.acted), this.gradients.element),
      h('aside', { class: 'job-side', 'aria-label': 'Verdict and events' }, this.report.summary, this.facts.warnings, this.rates.element, this.events.element),
      h('section', { class: 'job-wide', 'aria-label': 'Report' }, this.report.element, this.spec));
  }

  start() {
    this.again = poll(() => this.#refresh(), { pause: () => (LIVE.has(this.#job?.status) ? LIVE_MS : STILL_MS), onError: this.trouble.asked, signal: this.signal });
  }

  async #refresh() {
    const before = this.#job;
    const job = await get(this.base, { signal: this.signal });
    this.#job = job;
    this.trouble.asked(null);
    this.facts.update(job);
    this.charts.setTotal(job.total_steps);
    this.lineage.show(job);
    if (!before) await this.#begin(job);
    if (before?.status !== job.status) await this.#statusChanged(before, job);
    else if (LIVE.has(job.status)) await this.#liveParts(job);
  }

  async #begin(job) {
    document.title = `${job.model ?? job.spec?.model ?? this.id} · Gradus`;
    put(this.spec, specBox(job.spec));
    await this.#loadCurve();
    if (job.parent) this.#loadParent(job).catch(() => {});
    if (LIVE.has(job.status)) this.#follow();
  }

  async #statusChanged(before, job) {
    if (before) announce(`Job ${job.status}`);
    if (before && !LIVE.has(before.status) && LIVE.has(job.status)) this.#follow();
    if (before && !LIVE.has(job.status)) await this.#loadCurve();
    await Promise.all([this.events.load(this.signal), this.report.load(job, this.signal), this.#liveParts(job, { now: true }), this.lineage.loadChildren(this.signal)]);
  }

  /** What grows beside the curve while a job runs: changes of the rate, and now and then gradients and checkpoints. */
  async #liveParts(job, { now = false } = {}) {
    const due = now || performance.now() - this.#sampled > GRADIENTS_MS;
    if (due) this.#sampled = performance.now();
    await Promise.all([this.rates.show(this.curve, job, this.signal), ...(due ? [this.gradients.load(this.signal), this.lineage.loadCheckpoints(this.signal)] : [])]);
  }

  async #loadCurve() {
    this.curve.load(await get(`${this.base}/curve?points=1000`, { signal: this.signal }));
    put(this.drift, driftAlert(this.curve.drift));
    this.charts.draw();
    this.facts.newest(this.curve);
  }

  /** The curve of the job that this one went on from, up to there. */
  async #loadParent(job) {
    const parent = await get(`/v1/training_jobs/${encodeURIComponent(job.parent)}/curve?points=1000&to=${job.start_step}`, { signal: this.signal });
    this.charts.setParent(parent, job.start_step);
  }

  #follow() {
    follow(`${this.base}/curve/stream`, {
      lastId: this.curve.lastStep >= 0 ? String(this.curve.lastStep) : '',
      signal: this.signal,
      onEvent: (event) => this.#event(event),
      onState: (state, error) => this.#streamChanged(state, error),
    });
  }

  #streamChanged(state, error) {
    this.facts.stream(state);
    if (state === 'refused') this.trouble.acted(error);
  }

  #event({ type, content }) {
    const payload = JSON.parse(content);
    if (type === 'point') this.curve.addPoint(payload);
    if (type === 'evaluation') this.curve.addEvaluation(payload);
    if (type === 'point' || type === 'evaluation') this.#drawSoon();
    return type === 'status' ? this.#told(payload) : 'more';
  }

  /** Take a job's state from the stream; a new status is worth asking for everything again. */
  #told(state) {
    if (state.status !== this.#job.status) this.again();
    else this.facts.update({ ...this.#job, ...state });
    return LIVE.has(state.status) ? 'more' : 'stop';
  }

  /** Draw at most every DRAW_MS, however fast points come. */
  #drawSoon() {
    if (this.#drawTimer) return;
    const wait = Math.max(0, this.#drawn + DRAW_MS - performance.now());
    this.#drawTimer = setTimeout(() => {
      this.#drawTimer = null;
      this.#drawn = performance.now();
      if (this.signal.aborted) return;
      this.charts.draw();
      this.facts.newest(this.curve);
    }, wait);
  }
}
