// The curves of a sweep: loss, metric and rate, a line for each schedule, of the mean over seeds or of every seed.

import { Chart, Together, toggle } from '../chart.js';
import { aligned, setLines } from '../chart_columns.js';
import { styleOf } from '../chart_look.js';
import { smooth } from '../curve.js';
import { h, setText } from '../dom.js';
import { integer, metricName } from '../format.js';
import { LIVE_SWEEP } from './parts.js';

const SMOOTHING = 120;

export class SweepCharts {
  #together = new Together();
  #each = false;
  #raw = false;
  #again = () => {};
  #hint = h('p', { class: 'quiet hint' });

  constructor({ signal }) {
    this.loss = new Chart('Training loss', [], this.#together, { signal });
    this.metric = new Chart('Validation', [], this.#together, { signal, rest: 'last, ' });
    this.rate = new Chart('Learning rate', [], this.#together, { signal });
    this.loss.tools.append(toggle('every seed', (on) => { this.#each = on; this.#again(); }), toggle('unsmoothed', (on) => { this.#raw = on; this.#again(); }), toggle('log', (on) => this.loss.setLog(on)));
    this.rate.tools.append(toggle('log', (on) => this.rate.setLog(on)));
    this.title = this.metric.element.querySelector('h2');
    this.element = h('div', { class: 'charts' }, this.loss.element, this.metric.element, this.rate.element, this.#hint);
  }

  /** Draw the answer of `GET …/curves`; the sweep's `labels` fix each schedule's colour and dash. */
  draw(curves, sweep) {
    this.#again = () => this.#draw(curves, sweep);
    this.#again();
  }

  #draw({ runs, means, plans, metric, total_steps: total }, { labels, target, seeds, status }) {
    this.#together.total = total;
    setText(this.#hint, `Lines are ${linesOf(runs, { each: this.#each, seeds, status })}; the rate is the planned one. Drag to zoom, double-click or Esc to see everything.`);
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

/** Return what the lines of a sweep are made of: every seed, or what there is while trainings are missing. */
function linesOf(runs, { each, seeds, status }) {
  const done = runs.filter((run) => run.status === 'succeeded').length;
  const missing = done < runs.length ? `, ${integer(done)} of ${integer(runs.length)} trainings done` : '';
  if (each) return `single trainings${missing}`;
  if (!missing) return `means over ${integer(seeds.length)} ${seeds.length === 1 ? 'seed' : 'seeds'}`;
  return `means over what there is${LIVE_SWEEP.has(status) || status === 'paused' ? ' so far' : ''}${missing}`;
}

function lay(chart, lines, named, table) {
  setLines(chart, lines.map(named));
  chart.draw(aligned(lines.map(table)));
}
