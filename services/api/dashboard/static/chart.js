// One line chart: uPlot with our colours, our readout, and a zoom shared by charts that stand together.

import { axisLook, axisRoom, drawMarks, drawSigns, lineOf, padded, shortStep, swatch, tickTexts } from './chart_look.js';
import { freshId, h, put, setAttr, setText } from './dom.js';
import { integer, number } from './format.js';

const HEIGHT = 210;
const LEAST_ROOM = 62;  // of the upright axis, in pixels

/** What charts that stand together share: the part of the x axis shown, and the cursor. */
export class Together {
  zoom = null;
  first = 0;
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
    return [Math.min(this.first, low ?? this.first), Math.max(end, this.first + 1)];
  }
}

const STEPS = { name: 'step', log: false, text: integer, tick: shortStep, narrowest: 2 };
/** An x axis of learning rates over decades. */
export const RATES = { name: 'learning rate', log: true, text: (rate) => number(rate, 3), tick: (rate) => (rate === null ? '' : number(rate, 1)), narrowest: 0 };

/**
 * A chart of `series: [{name, tone, dash?, width?, points?, newest?}]`; `newest` marks the one that grows.
 * `x` names the horizontal axis, steps unless told otherwise; `rest` stands before the place of the values shown while
 * no cursor is on the chart.
 */
export class Chart {
  #plot = null;
  #columns = [[]];
  #values = [];
  #marks = [];
  #log = false;
  #size = 0;
  #top = null;
  #leading = 0;
  #legend = h('dl', { class: 'legend' });

  constructor(title, series, together, { signal, x = STEPS, rest = '' }) {
    this.together = together;
    this.title = title;
    this.x = x;
    this.rest = rest;
    this.canvas = h('div', { class: 'canvas', tabindex: '0', role: 'img', 'aria-label': title });
    this.step = h('span', { class: 'quiet num' });
    this.tools = h('div', { class: 'tools' });
    this.element = h('figure', { class: 'chart' }, h('figcaption', {}, h('h2', {}, title), this.step, this.#legend, this.tools), this.canvas);
    this.setSeries(series);
    together.charts.push(this);
    this.#listen(signal);
  }

  /** Draw other lines from now on; `draw` brings their columns. */
  setSeries(series) {
    this.series = series;
    this.#columns = [[], ...series.map(() => [])];
    this.#leading = Math.max(0, series.findIndex((one) => one.newest));
    this.#values = series.map(() => h('dd', { class: 'num' }));
    put(this.#legend, series.map((one, at) => h('div', {}, h('dt', {}, swatch(one), one.name), this.#values[at])));
    this.#plot?.destroy();
    this.#plot = null;
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

  /** Show nothing above `top`, so that an outburst does not flatten the rest; null shows everything. */
  setTop(top) {
    if (top === this.#top) return;
    this.#top = top;
    this.#build();
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
    const axis = axisLook();
    return {
      width: this.#size,
      height: HEIGHT,
      padding: [8, 22, 0, 0],
      legend: { show: false },
      scales: { x: this.#across(), y: { distr: this.#log ? 3 : 1, log: 10, range: (plot, low, high) => this.#upright(plot, low, high) } },
      axes: [{ ...axis, size: 26, values: (plot, ticks) => ticks.map((tick) => this.x.tick(tick)) }, this.#uprightAxis(axis)],
      series: [{}, ...this.series.map((series) => lineOf(series))],
      cursor: { sync: { key: this.together.cursor, scales: ['x', null] }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, bind: { dblclick: () => () => this.together.setZoom(null) } },
      hooks: { setCursor: [(plot) => this.#readout(plot.cursor.idx)], setSelect: [(plot) => this.#select(plot)], drawAxes: [(plot) => drawMarks(plot, this.#marks)], draw: [(plot) => drawSigns(plot, this.#marks)] },
    };
  }

  #uprightAxis(look) {
    return { ...look, size: (plot, texts, axis) => axisRoom(plot, texts, { axis, least: LEAST_ROOM }), values: (plot, ticks, axis, space, step) => tickTexts(ticks, this.#log ? null : step) };
  }

  #upright(plot, low, high) {
    const end = this.#top === null || high === null ? high : Math.min(high, this.#top);
    return this.#log ? globalThis.uPlot.rangeLog(low ?? 0.1, end ?? 1, 10, false) : padded(plot, low, end);
  }

  #across() {
    if (!this.x.log) return { time: false, range: (plot, low, high) => this.together.range(low, high) };
    return { time: false, distr: 3, log: 10, range: (plot, low, high) => this.together.zoom ?? [low ?? 1e-5, high ?? 1] };
  }

  #select(plot) {
    if (plot.select.width < 4) return;
    const range = [plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x')];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (range[1] - range[0] >= this.x.narrowest) this.together.setZoom(range);
  }

  /** Fill the legend with the values under the cursor, or with the newest. */
  #readout(index) {
    const [xs, ...columns] = this.#columns;
    const at = index ?? lastWith(columns[this.#leading] ?? [], xs.length - 1);
    const resting = index === null || index === undefined;
    setText(this.step, at >= 0 && xs.length ? `${resting ? this.rest : ''}${this.x.name} ${this.x.text(xs[at])}` : '');
    columns.forEach((column, which) => setText(this.#values[which], number(column[lastWith(column, at)], 4)));
    if (resting) this.#describe(at, columns);
  }

  #describe(at, columns) {
    const parts = this.series.map((series, which) => `${series.name} ${number(columns[which][lastWith(columns[which], at)], 4)}`);
    setAttr(this.canvas, 'aria-label', `${this.title} at ${this.x.name} ${this.x.text(this.#columns[0][at])}: ${parts.join(', ')}. Arrow keys move along the curve.`);
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

/** Return a box that switches something on and off, `log` for instance. */
export function toggle(name, onChange, { checked = false } = {}) {
  const id = freshId('toggle');
  const box = h('input', { type: 'checkbox', id, onchange: () => onChange(box.checked) });
  box.checked = checked;
  return h('span', { class: 'toggle' }, box, h('label', { for: id }, name));
}
