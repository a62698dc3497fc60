// A job's charts: learning rate against its plan, loss, and the evaluations; a fork's begin with its parent's.

import { Chart, Together, toggle } from './chart.js';
import { aligned, anyNumber, setLines } from './chart_columns.js';
import { smooth } from './curve.js';
import { h, put } from './dom.js';
import { metricName, metricOrder } from './format.js';
import { plainMetrics } from './job_parts.js';

const SMOOTHING = 200;  // half-lives of the smoothed loss in the drawn part of the run
const PARENT = { name: 'parent', tone: 'c3', dash: [2, 3], width: 2 };
const PLANNED = { name: 'planned', tone: 'plan', dash: true };
const EVENTFUL = { name: 'planned, with events', tone: 'plan', dash: true };
const SCHEDULE = { name: 'schedule alone', tone: 'c3', dash: [2, 6], width: 1 };
const ACTUAL = { name: 'actual', tone: 'lr', width: 2, newest: true };
const EFFECTIVE = { name: 'effective', tone: 'c2', dash: [10, 3, 2, 3] };
const LOSSES = [{ name: 'each step', tone: 'raw', width: 1, newest: true }, { name: 'smoothed', tone: 'loss', width: 2 }];
const METRIC = { name: 'metric', tone: 'metric', width: 1.5, points: true, newest: true };

export class JobCharts {
  #together = new Together();
  #metric = null;
  #parent = null;

  constructor(curve, { signal }) {
    this.curve = curve;
    this.lr = new Chart('Learning rate', [PLANNED, ACTUAL], this.#together, { signal });
    this.loss = new Chart('Training loss', LOSSES, this.#together, { signal });
    this.metrics = new Chart('Validation', [METRIC], this.#together, { signal, rest: 'last, ' });
    this.picker = h('select', { 'aria-label': 'Validation metric', onchange: () => { this.#metric = this.picker.value; this.draw(); } });
    this.metrics.tools.append(this.picker);
    this.lr.tools.append(toggle('log', (on) => this.lr.setLog(on)));
    this.loss.tools.append(toggle('log', (on) => this.loss.setLog(on)));
    this.metrics.element.hidden = true;
    this.element = h('div', { class: 'charts' }, this.lr.element, this.loss.element, this.metrics.element,
      h('p', { class: 'quiet hint' }, 'Drag to zoom, double-click or Esc to see everything; arrow keys move along a focused curve. Vertical lines mark evaluations; dashed ones with a number are changes of the rate, told beside the curve.'));
  }

  /** Set how many steps the job will have. */
  setTotal(steps) {
    this.#together.total = steps || null;
  }

  /** Draw the parent's curve up to the step from which this job went on. */
  setParent(curve, step) {
    const until = curve.steps.filter((own) => own < step).length;
    this.#parent = { step, steps: curve.steps.slice(0, until), lr: curve.lr.slice(0, until), loss: curve.loss.slice(0, until), evaluations: curve.evaluations.filter((row) => row.step <= step) };
    this.draw();
  }

  /** Draw everything from the curve. */
  draw() {
    const marks = this.curve.evaluations.map((evaluation) => evaluation.step);
    const events = this.curve.lr_events.map((event, at) => ({ at: event.step, tone: 'event', sign: String(at + 1), row: event.step === this.#parent?.step ? 1 : 0 }));
    const begun = this.#parent ? [{ at: this.#parent.step, tone: 'c3', sign: 'fork' }] : [];
    this.#drawRates([...marks, ...begun, ...events]);
    this.#drawLosses([...marks, ...begun]);
    this.#drawMetric(begun);
  }

  /** The plan of the whole run, exact at every step that the server has told it for, and the actual rate on top. */
  #drawRates(marks) {
    const { steps, lr, planned_lr: exact, effective_lr: effective, plan } = this.curve;
    const told = exact.map((value) => value ?? undefined);
    const before = this.#parent ?? { steps: [], lr: [] };
    const [xs, actual, exactly, other, planned, parent] = aligned([[steps, lr, told, effective], [plan.steps, plan.lr], [before.steps, before.lr]]);
    const expected = exactly.map((value, at) => value ?? planned[at]);
    const moved = this.curve.lr_events.length > 0;
    const lines = [[moved ? EVENTFUL : PLANNED, expected], moved ? [SCHEDULE, withoutEvents(xs, expected, this.curve.lr_events)] : null, [ACTUAL, actual], anyNumber(effective) ? [EFFECTIVE, other] : null, this.#parent ? [PARENT, parent] : null].filter(Boolean);
    drawLines(this.lr, xs, lines, marks);
  }

  #drawLosses(marks) {
    const { steps, loss } = this.curve;
    const before = this.#parent ?? { steps: [], loss: [] };
    const [xs, raw, smoothed, parent] = aligned([[steps, loss, smoothedOf(steps, loss)], [before.steps, smoothedOf(before.steps, before.loss)]]);
    drawLines(this.loss, xs, [[LOSSES[0], raw], [LOSSES[1], smoothed], this.#parent ? [PARENT, parent] : null].filter(Boolean), marks);
  }

  #drawMetric(marks) {
    const rows = this.curve.evaluations;
    const before = this.#parent?.evaluations ?? [];
    const names = metricOrder([...new Set([...rows, ...before].flatMap((evaluation) => Object.keys(plainMetrics(evaluation))))]);
    this.metrics.element.hidden = names.length === 0;
    if (!names.length) return;
    this.#offer(names);
    const column = (list) => [list.map((row) => row.step), list.map((row) => plainMetrics(row)[this.#metric] ?? null)];
    const [xs, own, parent] = aligned([column(rows), column(before)]);
    drawLines(this.metrics, xs, [[METRIC, own], before.length ? [{ ...PARENT, points: true }, parent] : null].filter(Boolean), marks);
  }

  #offer(names) {
    if (!names.includes(this.#metric)) this.#metric = names[0];
    if (this.picker.options.length === names.length) return;
    put(this.picker, names.map((name) => h('option', { value: name }, metricName(name))));
    this.picker.value = this.#metric;
  }
}

function drawLines(chart, xs, lines, marks) {
  setLines(chart, lines.map(([series]) => series));
  chart.draw([xs, ...lines.map(([, column]) => column)], marks);
}

function smoothedOf(steps, loss) {
  const span = (steps.at(-1) ?? 0) - (steps[0] ?? 0);
  return smooth(steps, loss, Math.max(1, span / SMOOTHING));
}

/** Return planned rates without the factor that events gave them, so that a departure from the schedule can be seen. */
function withoutEvents(steps, rates, events) {
  return rates.map((rate, at) => (Number.isFinite(rate) ? rate / factorAt(steps[at], events) : rate));
}

/** Return the factor of the rate at `step`; events stand in the order of their steps, and one holds from its step on. */
function factorAt(step, events) {
  const last = events.findLast((event) => event.step <= step);
  return last ? last.m_after : 1;
}
