// The head of a job's page: what it is, how far it is, and what can be done with it.

import { h, put, setAttr, setText } from './dom.js';
import { ago, duration, fixed, integer, metricName, number, scheduleName } from './format.js';
import { headline, isJudged, jobButtons, pill, progressBar } from './job_parts.js';
import { versionAddress } from './route.js';

const STREAM = { opening: 'connecting…', live: 'live', waiting: 'reconnecting…', refused: 'not live: the stream was refused' };

export class JobFacts {
  #labels = {};
  #running = false;
  #state = 'opening';
  #cells = {};
  #status = pill('');
  #progress = progressBar();
  #title = h('h1', {}, '…');
  #line = h('p', { class: 'quiet line' });
  #live = h('span', { class: 'quiet live-note' });
  #error = h('div');
  #published = h('p', { class: 'line' });

  constructor(id, callbacks) {
    this.buttons = jobButtons(id, callbacks);
    this.warnings = h('section', { class: 'card', hidden: true, 'aria-label': 'Warnings' });
    const names = ['Step', 'Epoch', 'Learning rate', 'Loss', 'Samples/s', 'Time', 'Newest', 'Best', 'Attempt'];
    for (const name of names) {
      this.#labels[name] = h('dt', {}, name);
      this.#cells[name] = h('dd', { class: 'num' }, '–');
    }
    this.element = h('div', { class: 'job-head' },
      h('p', { class: 'crumbs' }, h('a', { href: '#/jobs' }, 'Jobs'), ' / ', h('code', {}, id)),
      h('div', { class: 'head' }, this.#title, this.#status.element, this.#live, this.buttons.element),
      this.#line, this.#published, this.#progress.element,
      h('dl', { class: 'facts' }, names.map((name) => h('div', {}, this.#labels[name], this.#cells[name]))),
      this.#error);
  }

  update(job) {
    setText(this.#title, job.model ?? job.spec?.model);
    this.#status.update(job.status);
    this.#progress.update(job);
    this.buttons.update(job);
    this.#running = job.status === 'running';
    this.stream(this.#state);
    setText(this.#line, describe(job));
    this.#numbers(job);
    this.#outcome(job);
  }

  /** Show how the stream of points fares. */
  stream(state) {
    this.#state = state;
    setText(this.#live, this.#running ? STREAM[state] : '');
  }

  /** Show the newest point of the curve. */
  newest(curve) {
    const last = curve.steps.length - 1;
    if (last < 0) return;
    setText(this.#cells['Learning rate'], number(curve.lr[last], 4));
    setText(this.#cells.Loss, number(curve.loss[last], 4));
  }

  #numbers(job) {
    const cell = this.#cells;
    setText(cell.Step, `${integer(job.step)} / ${integer(job.total_steps)}`);
    setText(cell.Epoch, `${integer(job.epoch)} / ${integer(job.spec?.epochs)}`);
    setText(cell['Samples/s'], integer(job.samples_per_second));
    // Whoever paused or lost its worker was taken up again, or waits for that.
    setText(this.#labels.Time, job.attempt > 1 || job.status === 'paused' ? 'Time, with pauses' : 'Time');
    setText(cell.Time, timeText(job));
    this.#metric('Newest', headline(job), job.status === 'succeeded' ? 'Test' : 'Newest');
    this.#metric('Best', bestOf(job), 'Best validation');
    setText(cell.Attempt, integer(job.attempt));
  }

  #metric(which, metric, label) {
    setText(this.#labels[which], metric ? `${label} ${metricName(metric.name)}` : label);
    setText(this.#cells[which], fixed(metric?.value));
  }

  #outcome(job) {
    if (job.error) put(this.#error, h('div', { class: 'notice', 'data-tone': 'bad', role: 'alert' }, h('strong', {}, job.error.code ?? 'failed'), h('p', {}, job.error.message ?? job.error.detail ?? '')));
    else put(this.#error);
    if (job.model_version && !this.#published.firstChild) put(this.#published, 'Published as ', h('a', { href: versionAddress(job.model, job.model_version) }, `${job.model} version ${job.model_version}`));
    const texts = job.warnings ?? [];
    this.warnings.hidden = texts.length === 0;
    if (texts.length) put(this.warnings, h('h2', {}, 'Warnings'), h('ul', { class: 'plain-list' }, texts.map((entry) => h('li', {}, entry.message ?? entry))));
    setAttr(this.element, 'data-status', job.status);
  }
}

function describe(job) {
  const spec = job.spec ?? {};
  const parts = [spec.task?.name, spec.net?.name, spec.optimizer?.name, scheduleName(spec.schedule), spec.batch_size ? `batch ${integer(spec.batch_size)}` : null, Number.isFinite(spec.seed) ? `seed ${spec.seed}` : null, spec.precision];
  return parts.filter(Boolean).join(' · ');
}

function timeText(job) {
  if (isJudged(job)) return 'judging';
  if (job.status === 'running' && Number.isFinite(job.eta_seconds)) return `${duration(job.eta_seconds)} left`;
  if (job.started_at && job.finished_at) return `${duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)}`;
  return job.started_at ? `${duration((Date.now() - Date.parse(job.started_at)) / 1000)} so far` : `created ${ago(job.created_at)}`;
}

/** Return the best evaluation's telling metric, whether `best` names one metric or holds them all. */
function bestOf(job) {
  const { best } = job;
  if (!best) return null;
  const name = best.metric ?? best.monitor ?? best.name;
  return name && Number.isFinite(best.value) ? { name, value: best.value } : headline({ ...job, metrics: best });
}
