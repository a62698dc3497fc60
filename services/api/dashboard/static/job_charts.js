// A job's charts: learning rate against its plan, loss, and the evaluations.

import { post } from './api.js';
import { Chart, Together } from './chart.js';
import { smooth } from './curve.js';
import { freshId, h, put } from './dom.js';
import { metricName, metricOrder } from './format.js';
import { plainMetrics } from './job_parts.js';

const PLAN_POINTS = 600;

export class JobCharts {
  #together = new Together();
  #plan = null;
  #metric = null;

  constructor(curve, { signal }) {
    this.curve = curve;
    this.lr = new Chart('Learning rate', [{ name: 'actual', tone: 'lr', width: 2 }, { name: 'planned', tone: 'plan', dash: true }], this.#together, { signal });
    this.loss = new Chart('Training loss', [{ name: 'each step', tone: 'raw', width: 1 }, { name: 'smoothed', tone: 'loss', width: 2 }], this.#together, { signal });
    this.metrics = new Chart('Validation', [{ name: 'metric', tone: 'metric', width: 1.5, points: true }], this.#together, { signal });
    this.picker = h('select', { 'aria-label': 'Validation metric', onchange: () => { this.#metric = this.picker.value; this.draw(); } });
    this.metrics.tools.append(this.picker);
    this.lr.tools.append(toggle('log', (on) => this.lr.setLog(on)));
    this.loss.tools.append(toggle('log', (on) => this.loss.setLog(on)));
    this.metrics.element.hidden = true;
    this.element = h('div', { class: 'charts' }, this.lr.element, this.loss.element, this.metrics.element,
      h('p', { class: 'quiet hint' }, 'Drag to zoom, double-click or Esc to see everything; arrow keys move along a focused curve. Vertical lines mark evaluations.'));
  }

  /** Set how many steps the job will have. */
  setTotal(steps) {
    this.#together.total = steps || null;
  }

  /** Ask the server for the planned schedule of the whole run; it is the trainer's own code. */
  async loadPlan(job) {
    if (!job.total_steps || !job.spec?.schedule) return;
    const body = { schedules: [{ label: 'plan', schedule: job.spec.schedule }], total_steps: job.total_steps, steps_per_epoch: job.steps_per_epoch ?? Math.max(1, Math.floor(job.total_steps / (job.spec.epochs || 1))), points: PLAN_POINTS };
    const answer = await post('/v1/lr_schedules/preview', body);
    this.#plan = answer.curves?.[0] ?? null;
    this.draw();
  }

  /** Draw everything from the curve. */
  draw() {
    const marks = this.curve.evaluations.map((evaluation) => evaluation.step);
    this.lr.draw(this.#lrColumns(), marks);
    this.loss.draw(this.#lossColumns(), marks);
    this.#drawMetric();
  }

  #lrColumns() {
    const { steps, lr, planned_lr: planned } = this.curve;
    if (!this.#plan) return [steps, lr, planned];
    if (!steps.length) return [this.#plan.steps, this.#plan.steps.map(() => undefined), this.#plan.lr];
    return globalThis.uPlot.join([[steps, lr], [this.#plan.steps, this.#plan.lr]]);
  }

  #lossColumns() {
    const { steps, loss } = this.curve;
    const span = (steps[steps.length - 1] ?? 0) - (steps[0] ?? 0);
    return [steps, loss, smooth(steps, loss, Math.max(1, span / 60))];
  }

  #drawMetric() {
    const names = metricOrder([...new Set(this.curve.evaluations.flatMap((evaluation) => Object.keys(plainMetrics(evaluation))))]);
    this.metrics.element.hidden = names.length === 0;
    if (!names.length) return;
    this.#offer(names);
    const rows = this.curve.evaluations;
    this.metrics.draw([rows.map((row) => row.step), rows.map((row) => plainMetrics(row)[this.#metric] ?? null)]);
  }

  #offer(names) {
    if (!names.includes(this.#metric)) this.#metric = names[0];
    if (this.picker.options.length === names.length) return;
    put(this.picker, names.map((name) => h('option', { value: name }, metricName(name))));
    this.picker.value = this.#metric;
  }
}

function toggle(name, onChange) {
  const id = freshId('toggle');
  const box = h('input', { type: 'checkbox', id, onchange: () => onChange(box.checked) });
  return h('span', { class: 'toggle' }, box, h('label', { for: id }, name));
}
