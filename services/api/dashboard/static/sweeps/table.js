// The table of a sweep: each schedule's figures over the seeds, beside the leader's.

import { styleOf, swatch } from '../chart_look.js';
import { h } from '../dom.js';
import { duration, fixed, integer, metricName, number, signed } from '../format.js';

/** Return the table of a sweep's answer. */
export function sweepTable(sweep) {
  const { target, metric } = sweep;
  const columns = ['Schedule', `${metricName(metric)}, mean of best validations`, '95 % interval', 'Best run', 'Minus the leader', 'Test', target ? `To reach ${number(target.value)}` : null, 'Mean LR', 'Final LR', 'Time', 'Seeds'].filter(Boolean);
  const rows = sweep.table.map((row, at) => h('tr', { 'data-winner': row.label === sweep.winner ? 'yes' : null }, cellsOf(row, at, sweep).map((cell, which) => (which ? h('td', { class: 'num', 'data-label': columns[which] }, cell) : h('th', { scope: 'row' }, cell)))));
  const said = `${metricName(metric)}: each run counts with its best validation; the value is their mean over the seeds ± their standard deviation. Test is judged on the weights of that validation. Time is a run's mean under a worker, reading the data included, waiting and pauses not; runs at the same time slow each other down, so compare steps before seconds.`;
  return h('table', { class: 'cards dense sweep-table' }, h('caption', {}, said), h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
}

function cellsOf(row, at, sweep) {
  const chip = row.label === sweep.winner ? 'won' : row.label === sweep.leader ? 'leads' : null;
  const target = sweep.target ? [row.steps_to_target === null ? reachedText(row) : `${integer(row.steps_to_target)} steps, ${duration(row.seconds_to_target)}`] : [];
  return [h('span', { class: 'arm' }, swatch(styleOf(at)), ' ', row.label, chip ? h('span', { class: 'chip' }, chip) : null), meanText(row), intervalText(row.interval), bestCell(row), differenceText(row), meanText(row.test), ...target,
    h('span', { title: row.lr_from === 'plan' ? 'as planned' : 'as logged' }, number(row.mean_lr, 3)), number(row.final_lr, 3), duration(row.seconds), seedCell(row)];
}

function meanText({ mean, sd }) {
  if (mean === null) return '–';
  return h('span', {}, fixed(mean), sd === null ? null : h('small', { class: 'quiet' }, ` ± ${fixed(sd)}`));
}

function intervalText(interval) {
  return interval ? `${fixed(interval[0])} to ${fixed(interval[1])}` : '–';
}

function bestCell(row) {
  return row.best === null ? '–' : h('a', { href: `#/jobs/${encodeURIComponent(row.best_job)}` }, fixed(row.best));
}

function differenceText({ difference, tie_with: ties }) {
  const tied = ties.length ? h('small', { class: 'quiet' }, ` tie with ${ties.join(', ')}`) : null;
  if (!difference) return tied ?? '–';
  return h('span', {}, signed(difference.value), difference.interval ? h('small', { class: 'quiet' }, ` (${signed(difference.interval[0], 3)} to ${signed(difference.interval[1], 3)})`) : null, tied);
}

function reachedText({ reached, seeds }) {
  return reached === null || seeds === 0 ? '–' : `${integer(reached)} of ${integer(seeds)} did`;
}

function seedCell(row) {
  return h('span', {}, integer(row.seeds), row.failed.length ? h('small', { class: 'wrong' }, row.failed.map((one) => h('a', { href: `#/jobs/${encodeURIComponent(one.job)}`, title: one.message ?? one.code }, `seed ${one.seed} failed: ${one.code}`))) : null);
}
