// A reliability diagram: how often it happened against how likely it was said to be.

import { h, svg } from './dom.js';
import { fixed, integer } from './format.js';

const SIZE = 220;
const MARGIN = 34;

/** Return the diagram and the table of a report's calibration bins. */
export function calibrationFigure(report) {
  const bins = binsOf(report.calibration);
  if (!bins.length) return null;
  return h('section', { class: 'card', 'aria-label': 'Calibration' }, h('h2', {}, 'Calibration'),
    h('div', { class: 'calibration' }, diagram(bins), h('div', { class: 'scroll' }, table(bins))));
}

function binsOf(calibration) {
  return Array.isArray(calibration) ? calibration : calibration.bins ?? [];
}

const at = (share) => MARGIN + share * SIZE;
const up = (share) => MARGIN / 2 + (1 - share) * SIZE;

function diagram(bins) {
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const label = `Reliability diagram: ${bins.length} bins; predicted against observed`;
  return svg('svg', { class: 'reliability', viewBox: `0 0 ${SIZE + MARGIN + 14} ${SIZE + MARGIN * 1.6}`, role: 'img', 'aria-label': label },
    ticks.map((tick) => [
      svg('line', { class: 'grid', x1: at(0), x2: at(1), y1: up(tick), y2: up(tick) }), svg('line', { class: 'grid', x1: at(tick), x2: at(tick), y1: up(0), y2: up(1) }),
      svg('text', { x: at(0) - 5, y: up(tick) + 3, 'text-anchor': 'end' }, tick), svg('text', { x: at(tick), y: up(0) + 13, 'text-anchor': 'middle' }, tick)]),
    svg('line', { class: 'ideal', x1: at(0), y1: up(0), x2: at(1), y2: up(1) }),
    svg('polyline', { class: 'line', points: bins.map((bin) => `${at(bin.predicted)},${up(bin.observed)}`).join(' ') }),
    bins.map((bin) => svg('circle', { class: 'dot', cx: at(bin.predicted), cy: up(bin.observed), r: 3.5 })),
    svg('text', { x: at(0.5), y: up(0) + 30, 'text-anchor': 'middle' }, 'predicted probability'),
    svg('text', { x: at(0) + 6, y: up(1) + 12 }, 'observed share'));
}

function table(bins) {
  return h('table', {}, h('thead', {}, h('tr', {}, ['Predicted', 'Observed', 'Records'].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, bins.map((bin) => h('tr', {}, h('td', { class: 'num' }, fixed(bin.predicted, 3)), h('td', { class: 'num' }, fixed(bin.observed, 3)), h('td', { class: 'num' }, integer(bin.count ?? bin.n))))));
}
