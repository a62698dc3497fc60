// One line chart: uPlot with our colours, our readout, and a zoom shared by charts that stand together.

import { h, setAttr, setText } from './dom.js';
import { integer, number } from './format.js';

const HEIGHT = 210;
const MOST_MARKS = 80;

/** What charts that stand together share: the part of the x axis shown, and the cursor. */
export class Together {
  zoom = null;
  total = null;
  charts = [];
  cursor = `gradus-${Math.random().toString(36).slice(2)}`;

  /** Show `range` (or everything) in every chart. */
  setZoom(range) {
    this.zoom = range;
    for (const chart of this.charts) chart.redraw();
  }

  range(low, high) {
    if (this.zoom) return this.zoom;
    const end = this.total ?? high ?? 1;
    return [Math.min(0, low ?? 0), Math.max(end, 1)];
  }
}

/** A chart of `series: [{name, tone, dash?, width?, points?, newest?}]`; `newest` marks the one that grows. */
export class Chart {
  #plot = null;
  #columns = [[]];
  #values = [];
  #marks = [];
  #log = false;
  #size = 0;
  #leading = 0;

  constructor(title, series, together, { signal }) {
    this.series = series;
    this.#columns = [[], ...series.map(() => [])];
    this.#leading = Math.max(0, series.findIndex((one) => one.newest));
    this.together = together;
    this.canvas = h('div', { class: 'canvas', tabindex: '0', role: 'img', 'aria-label': title });
    this.step = h('span', { class: 'quiet num' });
    this.tools = h('div', { class: 'tools' });
    this.element = h('figure', { class: 'chart' }, h('figcaption', {}, h('h2', {}, title), this.step, this.#legend(), this.tools), this.canvas);
    this.title = title;
    together.charts.push(this);
    this.#listen(signal);
  }

  /** Draw `columns` (x first, then one column for each series). */
  draw(columns, marks = []) {
    this.#columns = columns;
    this.#marks = marks;
    if (this.#plot) this.#plot.setData(this.#shown());
    else this.#build();
    this.#readout(this.#plot?.cursor.idx ?? null);
  }

  /** Draw again, because the shared zoom or the length changed. */
  redraw() {
    this.#plot?.setData(this.#shown());
  }

  /** Draw on a logarithmic y axis, or back on a linear one. */
  setLog(wanted) {
    this.#log = wanted;
    this.#build();
  }

  #legend() {
    return h('dl', { class: 'legend' }, this.series.map((series, at) => {
      this.#values[at] = h('dd', { class: 'num' });
      return h('div', {}, h('dt', { 'data-tone': series.tone, 'data-dash': series.dash ? 'yes' : null }, series.name), this.#values[at]);
    }));
  }

  #listen(signal) {
    const watcher = new ResizeObserver(() => this.#fit());
    watcher.observe(this.canvas);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', () => this.#build(), { signal });
    this.canvas.addEventListener('keydown', (event) => this.#key(event));
    signal.addEventListener('abort', () => { watcher.disconnect(); this.#plot?.destroy(); }, { once: true });
  }

  #fit() {
    const width = this.canvas.clientWidth;
    if (width === this.#size || width < 50) return;
    this.#size = width;
    if (this.#plot) this.#plot.setSize({ width, height: HEIGHT });
    else this.#build();
  }

  #build() {
    this.#plot?.destroy();
    this.#plot = null;
    if (this.#size < 50) return;
    this.#plot = new globalThis.uPlot(this.#options(), this.#shown(), this.canvas);
  }

  /** Nothing at or below zero has a place on a logarithmic axis. */
  #shown() {
    if (!this.#log) return this.#columns;
    return this.#columns.map((column, at) => (at === 0 ? column : column.map((value) => (value === undefined || value > 0 ? value : null))));
  }

  #options() {
    const { together } = this;
    const axis = { stroke: ink('--muted'), grid: { stroke: ink('--grid'), width: 1 }, ticks: { stroke: ink('--grid'), width: 1, size: 4 }, font: '11px system-ui, sans-serif' };
    return {
      width: this.#size,
      height: HEIGHT,
      padding: [8, 22, 0, 0],
      legend: { show: false },
      scales: { x: { time: false, range: (plot, low, high) => together.range(low, high) }, y: { distr: this.#log ? 3 : 1, log: 10, range: this.#log ? undefined : padded } },
      axes: [{ ...axis, size: 26, values: (plot, ticks) => ticks.map((tick) => shortStep(tick)) }, { ...axis, size: 62, values: (plot, ticks) => ticks.map((tick) => (tick === null ? '' : number(tick, 3))) }],
      series: [{}, ...this.series.map((series) => lineOf(series))],
      cursor: { sync: { key: together.cursor, scales: ['x', null] }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, bind: { dblclick: () => () => together.setZoom(null) } },
      hooks: { setCursor: [(plot) => this.#readout(plot.cursor.idx)], setSelect: [(plot) => this.#select(plot)], drawAxes: [(plot) => this.#drawMarks(plot)] },
    };
  }

  #select(plot) {
    if (plot.select.width < 4) return;
    const range = [plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x')];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (range[1] - range[0] >= 2) this.together.setZoom(range);
  }

  /** Fill the legend with the values under the cursor, or with the newest. */
  #readout(index) {
    const [xs, ...columns] = this.#columns;
    const at = index ?? lastWith(columns[this.#leading] ?? [], xs.length - 1);
    setText(this.step, at >= 0 && xs.length ? `step ${integer(xs[at])}` : '');
    columns.forEach((column, which) => setText(this.#values[which], number(column[lastWith(column, at)], 4)));
    if (index === null || index === undefined) this.#describe(at, columns);
  }

  #describe(at, columns) {
    const parts = this.series.map((series, which) => `${series.name} ${number(columns[which][lastWith(columns[which], at)], 4)}`);
    setAttr(this.canvas, 'aria-label', `${this.title} at step ${integer(this.#columns[0][at])}: ${parts.join(', ')}. Arrow keys move along the curve.`);
  }

  #drawMarks(plot) {
    if (!this.#marks.length) return;
    const { ctx, bbox } = plot;
    const short = this.#marks.length > MOST_MARKS;
    ctx.save();
    ctx.setLineDash([]);
    ctx.strokeStyle = ink('--mark');
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (const step of this.#marks) {
      const x = Math.round(plot.valToPos(step, 'x', true)) + 0.5;
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.moveTo(x, short ? bbox.top + bbox.height - 6 * devicePixelRatio : bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.restore();
  }

  #key(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity };
    if (event.key === 'Escape') this.together.setZoom(null);
    if (!(event.key in moves) || !this.#plot) return;
    event.preventDefault();
    const xs = this.#columns[0];
    const here = this.#plot.cursor.idx ?? lastWith(this.#columns[1 + this.#leading], xs.length - 1);
    const next = Math.max(0, Math.min(xs.length - 1, here + moves[event.key]));
    this.#plot.setCursor({ left: this.#plot.valToPos(xs[next], 'x'), top: HEIGHT / 3 }, true, true);
  }
}

function lastWith(column, from) {
  let at = Math.min(from, column.length - 1);
  while (at >= 0 && !Number.isFinite(column[at])) at -= 1;
  return at;
}

function lineOf({ tone, dash, width = 1.5, points }) {
  return { stroke: ink(`--plot-${tone}`), width, dash: dash ? [5, 4] : undefined, points: points ? { show: true, size: 5, fill: ink(`--plot-${tone}`) } : { show: false } };
}

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function padded(plot, low, high) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}

function shortStep(step) {
  if (step === null || !Number.isInteger(step)) return '';
  if (step >= 1e6) return `${number(step / 1e6, 3)}M`;
  return step >= 10_000 ? `${number(step / 1e3, 4)}k` : integer(step);
}
