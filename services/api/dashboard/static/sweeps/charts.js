// The curves of a sweep: loss, metric and rate, a line for each schedule, of the mean over seeds or of every seed.

import { Chart, Together, toggle } from '../chart.js';
import { aligned, setLines } from '../chart_columns.js';
import { styleOf } from '../chart_look.js';
import { smooth } from '../curve.js';
import { h } from '../dom.js';
import { metricName } from '../format.js';

const SMOOTHING = 120;

export class SweepCharts {
  #together = new Together();
  #each = false;
  #raw = false;
  #again = () => {};

  constructor({ signal }) {
    this.loss = new Chart('Training loss', [], this.#together, { signal });
    this.metric = new Chart('Validation', [], this.#together, { signal, rest: 'last, ' });
    this.rate = new Chart('Learning rate', [], this.#together, { signal });
    this.loss.tools.append(toggle('every seed', (on) => { this.#each = on; this.#again(); }), toggle('unsmoothed', (on) => { this.#raw = on; this.#again(); }), toggle('log', (on) => this.loss.setLog(on)));
    this.rate.tools.append(toggle('log', (on) => this.rate.setLog(on)));
    this.title = this.metric.element.querySelector('h2');
    this.element = h('div', { class: 'charts' }, this.loss.element, this.metric.element, this.rate.element, h('p', { class: 'quiet hint' }, 'Lines are means over the seeds; the rate is the planned one. Drag to zoom, double-click or Esc to see everything.'));
  }

  /** Draw the answer of `GET …/curves`; `labels` fixes each schedule's colour and dash. */
  draw(curves, { labels, target }) {
    this.#again = () => this.#draw(curves, labels, target);
    this.#again();
  }

  #draw({ runs, means, plans, metric, total_steps: total }, labels, target) {
    this.#together.total = total;
    this.title.textContent = `Validation ${metricName(metric)}`;
    const lines = (this.#each ? runs : means).filter((line) => line.steps.length);
    const named = (line) => ({ name: this.#each ? `${line.arm}, seed ${line.seed}` : line.arm, ...styleOf(labels.indexOf(line.arm)) });
    const shape = this.#raw ? (line) => line.loss : (line) => smooth(line.steps, line.loss, Math.max(1, total / SMOOTHING));
    lay(this.loss, lines, named, (line) => [line.steps, shape(line)]);
    const judged = lines.filter((line) => line.evaluation_steps.length);
    this.metric.element.hidden = judged.length === 0;
    const goal = target ? [{ name: 'target', tone: 'plan', dash: true, steps: [0, total], values: [target.value, target.value] }] : [];
    if (judged.length) lay(this.metric, [...judged, ...goal], (line) => (line.values ? { name: line.name, tone: line.tone, dash: line.dash } : { ...named(line), points: true }), (line) => (line.values ? [line.steps, line.values] : [line.evaluation_steps, line.evaluations]));
    lay(this.rate, plans, (plan) => ({ name: plan.arm, ...styleOf(labels.indexOf(plan.arm)) }), (plan) => [plan.steps, plan.lr]);
  }
}

function lay(chart, lines, named, table) {
  setLines(chart, lines.map(named));
  chart.draw(aligned(lines.map(table)));
}
