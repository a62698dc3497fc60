// A job's charts: learning rate against its plan, loss, and the evaluations.

import { Chart, Together, toggle } from './chart.js';
import { smooth } from './curve.js';
import { h, put } from './dom.js';
import { metricName, metricOrder } from './format.js';
import { plainMetrics } from './job_parts.js';

const SMOOTHING = 200;  // half-lives of the smoothed loss in the drawn part of the run

export class JobCharts {
  #together = new Together();
  #metric = null;

  constructor(curve, { signal }) {
    this.curve = curve;
    this.lr = new Chart('Learning rate', [{ name: 'planned', tone: 'plan', dash: true }, { name: 'actual', tone: 'lr', width: 2, newest: true }], this.#together, { signal });
    this.loss = new Chart('Training loss', [{ name: 'each step', tone: 'raw', width: 1, newest: true }, { name: 'smoothed', tone: 'loss', width: 2 }], this.#together, { signal });
    this.metrics = new Chart('Validation', [{ name: 'metric', tone: 'metric', width: 1.5, points: true, newest: true }], this.#together, { signal });
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

  /** Draw everything from the curve. */
  draw() {
    const marks = this.curve.evaluations.map((evaluation) => evaluation.step);
    this.lr.draw(this.#lrColumns(), marks);
    this.loss.draw(this.#lossColumns(), marks);
    this.#drawMetric();
  }

  /** The plan of the whole run, exact at every step that the server has told it for, and the actual rate on top. */
  #lrColumns() {
    const { steps, lr, planned_lr: exact, plan } = this.curve;
    const told = exact.map((value) => value ?? undefined);
    if (!steps.length) return [plan.steps, plan.lr, plan.steps.map(() => undefined)];
    if (!plan.steps.length) return [steps, told, lr];
    const [xs, actual, exactly, planned] = globalThis.uPlot.join([[steps, lr, told], [plan.steps, plan.lr]]);
    return [xs, exactly.map((value, at) => value ?? planned[at]), actual];
  }

  #lossColumns() {
    const { steps, loss } = this.curve;
    const span = (steps[steps.length - 1] ?? 0) - (steps[0] ?? 0);
    return [steps, loss, smooth(steps, loss, Math.max(1, span / SMOOTHING))];
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
