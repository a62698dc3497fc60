// The curves of the playground: rates, momentum where a phase cycles it, breakpoints, and the figures as a table.

import { Chart, Together, toggle } from '../chart.js';
import { aligned, setLines } from '../chart_columns.js';
import { styleOf, swatch } from '../chart_look.js';
import { h, put } from '../dom.js';
import { integer, number } from '../format.js';

const SHOWN_BREAKPOINTS = 40;

export class Picture {
  #together = new Together();
  #isDrawn = false;
  #figures = h('div', { class: 'scroll' });
  #points = h('details', { class: 'breakpoints' });
  #note = h('p', { class: 'wrong', role: 'status', hidden: true });

  constructor({ signal }) {
    this.rate = new Chart('Learning rate', [], this.#together, { signal });
    this.momentum = new Chart('Momentum', [], this.#together, { signal });
    this.rate.tools.append(toggle('log', (on) => this.rate.setLog(on)), toggle('breakpoints', (on) => { this.marked = on; this.#again(); }, { checked: true }));
    this.marked = true;
    this.momentum.element.hidden = true;
    this.element = h('div', { class: 'charts' }, this.rate.element, this.momentum.element, this.#note);
    this.figures = h('section', { class: 'card', 'aria-label': 'Figures', hidden: true }, this.#figures, this.#points);
  }

  /** Tell that the `what` as it stands is refused, and whether an older curve of it is drawn; null when nothing is. */
  refused(why) {
    this.#note.hidden = !why;
    this.rate.element.hidden = Boolean(why) && !why.drawn && !this.#isDrawn;
    this.rate.element.toggleAttribute('data-stale', Boolean(why?.drawn));
    if (why) put(this.#note, `The ${why.what} as it stands is refused; ${why.drawn ? 'the curve is the last one that was not' : 'there is no curve of it'}.`);
  }

  /** Draw the curves: the edited one first, then the others; null for one that is not known yet. */
  draw(curves, run) {
    this.#again = () => this.#draw(curves, run);
    this.#again();
  }

  #again = () => {};

  #draw(curves, { total_steps: total }) {
    const lines = curves.map((curve, at) => ({ curve, look: styleOf(at), edited: at === 0 })).filter(({ curve }) => curve);
    this.#isDrawn = lines.length > 0;
    if (!lines.length) return;
    this.rate.element.hidden = false;
    this.#together.total = total;
    const marks = this.marked ? (lines[0].curve.breakpoints ?? []).map((point) => point.step) : [];
    lay(this.rate, lines, ({ curve }) => curve.lr, marks);
    const moving = lines.filter(({ curve }) => curve.momentum?.some(Number.isFinite));
    this.momentum.element.hidden = moving.length === 0;
    if (moving.length) lay(this.momentum, moving, ({ curve }) => curve.momentum, marks);
    put(this.#figures, figures(lines));
    this.#list(lines[0].curve);
    this.figures.hidden = false;
  }

  #list(curve) {
    const shown = (curve.breakpoints ?? []).slice(0, SHOWN_BREAKPOINTS);
    const isOpen = this.#points.open;
    put(this.#points, h('summary', {}, `Breakpoints of ${curve.label} (${integer(curve.breakpoints_total)})`),
      h('ol', { class: 'columns-list' }, shown.map((point) => h('li', {}, h('span', { class: 'num' }, integer(point.step)), ' ', h('span', { class: 'quiet' }, point.cause)))),
      curve.breakpoints_total > shown.length ? h('p', { class: 'quiet' }, `and ${integer(curve.breakpoints_total - shown.length)} more`) : null);
    this.#points.open = isOpen;
  }
}

function lay(chart, lines, column, marks) {
  setLines(chart, lines.map(({ curve, look, edited }) => ({ name: curve.label, ...look, width: edited ? 2.2 : 1.5, newest: edited })));
  chart.draw(aligned(lines.map((line) => [line.curve.steps, column(line)])), marks);
}

const FIGURES = ['first', 'max', 'mean', 'min', 'final'];

function figures(lines) {
  const names = ['Schedule', 'First', 'Max', 'Mean', 'Min', 'Final'];
  const rows = lines.map(({ curve, look }) => h('tr', {}, h('th', { scope: 'row' }, swatch(look), ' ', curve.label), FIGURES.map((name, at) => h('td', { class: 'num', 'data-label': names[at + 1] }, number(curve.stats[name], 4)))));
  return h('table', { class: 'dense figures' }, h('caption', {}, 'Learning rate over all updates; final is that of the last one'), h('thead', {}, h('tr', {}, names.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
}
