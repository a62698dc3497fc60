// A reliability diagram: how often it happened against how likely it was said to be, net beside baselines.

import { h, svg } from './dom.js';
import { fixed, integer } from './format.js';

const SIZE = 220;
const MARGIN = 34;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

/** Return the diagram and the net's bins, or null when the report has none (a ranking, too few records). */
export function calibrationFigure(report) {
  const tables = Object.entries(report.calibration ?? {}).filter(([, bins]) => bins.length);
  if (!tables.length) return null;
  const roles = Object.fromEntries(report.candidates.map((row) => [row.name, row.role]));
  tables.sort(([a], [b]) => Number(roles[b] === 'net') - Number(roles[a] === 'net'));
  return h('section', { class: 'card', 'aria-label': 'Calibration' }, h('h2', {}, 'Calibration'),
    h('div', { class: 'calibration' }, h('div', { class: 'stack' }, diagram(tables), legend(tables)), h('div', { class: 'scroll' }, binTable(...tables[0]))));
}

const at = (share) => MARGIN + share * SIZE;
const up = (share) => MARGIN / 2 + (1 - share) * SIZE;

function diagram(tables) {
  const label = `Reliability diagram of ${tables.map(([name]) => name).join(', ')}: predicted probability against observed share; the table beside it has the values of ${tables[0][0]}`;
  // Drawn last, the net lies on top.
  return svg('svg', { class: 'reliability', viewBox: `0 0 ${SIZE + MARGIN + 14} ${SIZE + MARGIN * 1.6}`, role: 'img', 'aria-label': label },
    TICKS.map(gridLines), svg('line', { class: 'ideal', x1: at(0), y1: up(0), x2: at(1), y2: up(1) }),
    tables.map(([, bins], index) => line(bins, index)).reverse(),
    svg('text', { x: at(0.5), y: up(0) + 30, 'text-anchor': 'middle' }, 'predicted probability'),
    svg('text', { x: at(0) + 6, y: up(1) + 12 }, 'observed share'));
}

function gridLines(tick) {
  return [svg('line', { class: 'grid', x1: at(0), x2: at(1), y1: up(tick), y2: up(tick) }), svg('line', { class: 'grid', x1: at(tick), x2: at(tick), y1: up(0), y2: up(1) }),
    svg('text', { x: at(0) - 5, y: up(tick) + 3, 'text-anchor': 'end' }, tick), svg('text', { x: at(tick), y: up(0) + 13, 'text-anchor': 'middle' }, tick)];
}

function line(bins, index) {
  const points = bins.map((bin) => `${at(bin.mean_probability)},${up(bin.observed_rate)}`).join(' ');
  return svg('g', { 'data-series': index }, svg('polyline', { points }),
    bins.map((bin) => svg('circle', { cx: at(bin.mean_probability), cy: up(bin.observed_rate), r: index === 0 ? 3.5 : 2 })));
}

function legend(tables) {
  return h('ul', { class: 'series-legend' }, tables.map(([name], index) => h('li', { 'data-series': index }, name.replaceAll('_', ' '))));
}

function binTable(name, bins) {
  const cells = (bin) => [fixed(bin.mean_probability, 3), fixed(bin.observed_rate, 3), integer(bin.n), integer(bin.events)].map((text) => h('td', { class: 'num' }, text));
  return h('table', { class: 'dense' }, h('caption', {}, `Bins of ${name}`), h('thead', {}, h('tr', {}, ['Predicted', 'Observed', 'Records', 'Events'].map((text) => h('th', { scope: 'col' }, text)))),
    h('tbody', {}, bins.map((bin) => h('tr', {}, cells(bin)))));
}
