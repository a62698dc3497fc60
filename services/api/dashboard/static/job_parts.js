// Pieces of a job that the list and the job's own page share.

import { post } from './api.js';
import { announce, h, setAttr, setText } from './dom.js';
import { duration, fixed, integer, lowerIsBetter, metricName, metricOrder, percent } from './format.js';

export const LIVE = new Set(['queued', 'running', 'pausing', 'cancelling']);
const TONES = { queued: 'idle', running: 'live', pausing: 'warn', paused: 'warn', cancelling: 'warn', succeeded: 'good', failed: 'bad', cancelled: 'idle', reading: 'live', ready: 'good', refused: 'bad' };
const CONFIRM_MS = 4_000;

/** Return a status pill and a function that updates it. */
export function pill(status) {
  const element = h('span', { class: 'pill' });
  const update = (now) => { setText(element, now); setAttr(element, 'data-tone', TONES[now] ?? 'idle'); };
  update(status);
  return { element, update };
}

/** Return a progress bar with its numbers beneath, and a function that updates both. */
export function progressBar() {
  const bar = h('progress', { max: '1', 'aria-label': 'Progress' });
  const share = h('span', { class: 'num' });
  const left = h('span', { class: 'quiet' });
  const element = h('div', { class: 'progress' }, bar, h('div', { class: 'progress-text' }, share, left));
  const update = (job) => {
    // A job that stopped early is done, however few of its planned steps it made.
    bar.value = job.status === 'succeeded' ? 1 : progressOf(job);
    setAttr(bar, 'data-tone', TONES[job.status]);
    setText(share, job.status === 'succeeded' ? 'done' : percent(progressOf(job), 0));
    setText(left, leftText(job));
  };
  return { element, update };
}

/** Return the done share of a job, 0 to 1. */
export function progressOf(job) {
  if (Number.isFinite(job.progress)) return job.progress;
  return job.total_steps ? Math.min(1, job.step / job.total_steps) : 0;
}

/** Return whether a job has made its updates and is being judged beside its baselines. */
export function isJudged(job) {
  return job.status === 'running' && job.total_steps > 0 && job.step >= job.total_steps;
}

function leftText(job) {
  if (isJudged(job)) return 'judging and packing';
  if (job.status === 'running' && Number.isFinite(job.eta_seconds)) return `${duration(job.eta_seconds)} left`;
  const early = job.status === 'succeeded' && job.step < job.total_steps ? 'stopped early at ' : '';
  return job.total_steps ? `${early}step ${integer(job.step)} of ${integer(job.total_steps)}` : '';
}

/** Return `{name, value}` of the metric that matters most in a job's newest evaluation, or null. */
export function headline(job) {
  const metrics = plainMetrics(job.metrics);
  const wanted = job.spec?.early_stopping?.monitor;
  const name = wanted in metrics ? wanted : metricOrder(Object.keys(metrics))[0];
  return name === undefined ? null : { name, value: metrics[name] };
}

/** Return the numbers of an evaluation, whether bare or wrapped as `{step, epoch, metrics}`. */
export function plainMetrics(evaluation) {
  const metrics = evaluation?.metrics ?? evaluation ?? {};
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
}

/** Return `NDCG@10 0.4312`. */
export function metricText(metric) {
  return metric ? `${metricName(metric.name)} ${fixed(metric.value)}` : '–';
}

/** Return whether `a` is better than `b` on metric `name`. */
export function better(name, a, b) {
  return lowerIsBetter(name) ? a < b : a > b;
}

/** Return whether a job ended in numbers that are none: resumed, it would compute the same ones again. */
export function hasDiverged(job) {
  return job.status === 'failed' && job.error?.code === 'diverged';
}

/** Return the address of the playground with the schedule of the job `id`; with `train`, the form that starts a training from its spec stands open. */
export function playgroundAddress(id, { train = false } = {}) {
  return `#/schedules?job=${encodeURIComponent(id)}${train ? '&train=yes' : ''}`;
}

const ACTIONS = {
  pause: { label: 'Pause', when: new Set(['queued', 'running']), done: 'Pause asked for' },
  resume: { label: 'Resume', when: new Set(['paused', 'failed']), unless: hasDiverged, done: 'Resume asked for' },
  cancel: { label: 'Cancel', when: new Set(['queued', 'running', 'pausing', 'paused']), done: 'Cancel asked for', confirm: 'Really cancel?' },
};

/**
 * Return the pause, resume and cancel buttons of a job; `after()` follows each, `onError(error)` a refusal. One that
 * diverged has a way to another training instead of its Resume.
 */
export function jobButtons(id, { after, onError }) {
  const buttons = Object.entries(ACTIONS).map(([verb, action]) => ({ action, element: actionButton(id, verb, { after, onError }) }));
  const again = h('a', { class: 'button small', hidden: true }, 'Train again with other settings');
  const element = h('div', { class: 'actions' }, buttons.map((entry) => entry.element), again);
  const update = (job) => {
    for (const { action, element: button } of buttons) button.hidden = !action.when.has(job.status) || Boolean(action.unless?.(job));
    again.hidden = !hasDiverged(job) || !job.spec?.schedule;
    if (!again.hidden) setAttr(again, 'href', playgroundAddress(id, { train: true }));
  };
  return { element, update };
}

function actionButton(id, verb, { after, onError }) {
  const action = ACTIONS[verb];
  const button = h('button', { type: 'button', class: 'small', 'data-verb': verb, hidden: true }, action.label);
  button.addEventListener('click', async () => {
    if (action.confirm && !confirmed(button, action)) return;
    button.disabled = true;
    try {
      await post(`/v1/training_jobs/${id}/${verb}`);
      announce(action.done);
      after();
    } catch (error) {
      onError(error);
    }
    button.disabled = false;
  });
  return button;
}

/** A first press asks, a second within four seconds confirms. */
function confirmed(button, action) {
  if (button.dataset.asked) {
    delete button.dataset.asked;
    setText(button, action.label);
    return true;
  }
  button.dataset.asked = 'yes';
  setText(button, action.confirm);
  announce(`${action.confirm} Press again to confirm; the newest checkpoint is kept.`);
  setTimeout(() => { delete button.dataset.asked; setText(button, action.label); }, CONFIRM_MS);
  return false;
}
