// Gradient flow: norms and update ratios layer by layer over the steps, and what looks wrong with them.

import { get } from '../api.js';
import { Chart, Together, toggle } from '../chart.js';
import { anyNumber, setLines } from '../chart_columns.js';
import { styleOf } from '../chart_look.js';
import { h, put } from '../dom.js';
import { integer, number } from '../format.js';
import { errorBox } from '../notices.js';

const MOST_NAMES = 8;
const SIGNS = { vanishing: '↓', exploding: '↑', dead: '∅', non_finite: '✕', nonfinite: '✕' };
const CHARTS = [['gradient_norms', 'Gradient norm per layer', true], ['update_ratios', 'Update over weight per layer', true], ['zero_fractions', 'Share of silent units per layer', false]];

export class Gradients {
  #together = new Together();
  #findings = h('ul', { class: 'gradient-findings' });
  #note = h('p', { class: 'quiet' });
  #answer = null;
  #tables = null;
  #charts = [];

  constructor(base, { signal }) {
    this.base = base;
    this.#charts = CHARTS.map(([name, title, log]) => ({ name, chart: chartOf(title, log, this.#together, signal) }));
    for (const { chart } of this.#charts) chart.element.hidden = true;
    this.element = h('section', { class: 'card gradients', 'aria-label': 'Gradient flow', hidden: true }, h('div', { class: 'head' }, h('h2', {}, 'Gradient flow'), this.#switch()), this.#findings, this.#note, this.#charts.map(({ chart }) => chart.element));
  }

  /** Ask for the samples and draw them. */
  async load(signal) {
    let answer;
    try {
      answer = await get(`${this.base}/gradients`, { signal });
    } catch (error) {
      // Jobs that record none, and gateways that know none, have no such resource: then there is nothing to show.
      if (error.status !== 404) { this.element.hidden = false; put(this.#findings, h('li', {}, errorBox(error))); }
      return;
    }
    this.element.hidden = answer.steps.length === 0;
    this.#answer = answer;
    if (answer.steps.length) this.#draw(answer);
  }

  /** Many embedding tables would hide the layers behind them: they are drawn when asked for, or when a chart has nothing else. */
  #switch() {
    this.tables = toggle('tables', (on) => { this.#tables = on; this.#draw(this.#answer); });
    this.box = this.tables.querySelector('input');
    this.tables.classList.add('push');
    this.tables.hidden = true;
    return this.tables;
  }

  #draw({ layers, steps, findings, ...columns }) {
    const order = layers.map((layer, at) => ({ ...layer, at })).sort((a, b) => a.order - b.order);
    put(this.#findings, findings.length ? findings.map(findingItem) : h('li', { class: 'fine' }, h('span', { class: 'sign', 'aria-hidden': 'true' }, '✓'), h('p', {}, 'Nothing vanishing, exploding, dead or non-finite was found.')));
    const tables = order.filter((layer) => layer.kind === 'table');
    const others = order.filter((layer) => layer.kind !== 'table');
    this.tables.hidden = tables.length === 0 || others.length === 0;
    // A factorization has its tables and a bias, whose gradient may be zero throughout: nothing that a logarithmic axis shows.
    this.box.checked = this.#tables ?? CHARTS.some(([name, , log]) => log && !visible(others, columns[name]) && visible(tables, columns[name]));
    const shown = this.tables.hidden || this.box.checked ? order : others;
    put(this.#note, `${integer(layers.length)} layers, ${integer(steps.length)} samples, before clipping. Layers nearer the input come first.`, shown.length < order.length ? hiddenText(tables) : '');
    this.#together.first = steps[0];
    this.#together.total = steps.at(-1);
    const marks = findings.filter((one) => Number.isFinite(one.first_step)).map((one) => ({ at: one.first_step, tone: 'event', sign: SIGNS[one.kind] ?? '!' }));
    for (const { name, chart } of this.#charts) drawLayers(chart, shown, { steps, rows: columns[name] ?? [], marks });
  }
}

/** Return whether any of `layers` has a line on a logarithmic axis, which wants values above zero. */
function visible(layers, rows = []) {
  return layers.some((layer) => rows.some((row) => Number.isFinite(row?.[layer.at]) && row[layer.at] > 0));
}

function hiddenText(tables) {
  const names = tables.slice(0, MOST_NAMES).map((layer) => layer.name).join(', ');
  const more = tables.length > MOST_NAMES ? ` and ${integer(tables.length - MOST_NAMES)} more` : '';
  return ` ${integer(tables.length)} embedding ${tables.length === 1 ? 'table is' : 'tables are'} not drawn (${names}${more}): switch “tables” on for them.`;
}

function chartOf(title, log, together, signal) {
  const chart = new Chart(title, [], together, { signal });
  if (log) chart.setLog(true);
  chart.tools.append(toggle('log', (on) => chart.setLog(on), { checked: log }));
  return chart;
}

function drawLayers(chart, order, { steps, rows, marks }) {
  const lines = order.map((layer, place) => ({ layer, place, column: rows.map((row) => row?.[layer.at] ?? null) })).filter(({ column }) => anyNumber(column));
  chart.element.hidden = lines.length === 0;
  if (!lines.length) return;
  setLines(chart, lines.map(({ layer, place }) => ({ name: layer.name, ...styleOf(place), newest: place === 0 })));
  chart.draw([steps, ...lines.map(({ column }) => column)], marks);
}

function findingItem(finding) {
  const span = finding.last_step === finding.first_step ? `step ${integer(finding.first_step)}` : `steps ${integer(finding.first_step)} to ${integer(finding.last_step)}`;
  // What is not finite has no value to hold against a threshold.
  const figures = Number.isFinite(finding.value) && Number.isFinite(finding.threshold) ? ` · ${number(finding.value)} against ${number(finding.threshold)}` : '';
  return h('li', { 'data-kind': finding.kind }, h('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[finding.kind] ?? '!'), h('div', {},
    h('p', {}, h('strong', {}, finding.kind.replaceAll('_', '-')), finding.layer ? [' in ', h('code', {}, finding.layer)] : null, h('span', { class: 'quiet' }, ` · ${span}${figures}`)),
    h('p', {}, finding.say),
    finding.try?.length ? h('div', { class: 'try' }, h('span', { class: 'quiet' }, 'What to try'), h('ul', { class: 'plain-list' }, finding.try.map((text) => h('li', {}, text)))) : null));
}
