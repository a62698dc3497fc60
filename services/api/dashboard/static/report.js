// The judgement of a finished job: who won, by how much, how sure, and (for a diagnosis) how well calibrated.

import { get } from './api.js';
import { calibrationFigure } from './calibration.js';
import { h, put } from './dom.js';
import { fixed, integer, metricName, metricOrder, percent, signed } from './format.js';
import { LIVE } from './job_parts.js';
import { code } from './notices.js';

const PARTS = ['train', 'validation', 'test'];

export class ReportPanel {
  summary = h('section', { class: 'card verdict', 'aria-label': 'Verdict' });
  element = h('div', { class: 'report' });

  constructor(base) {
    this.base = base;
  }

  /** Load the report of a job that has one; say so of one that has none. */
  async load(job, signal) {
    if (job.status !== 'succeeded') {
      put(this.summary, h('h2', {}, 'Verdict'), h('p', { class: 'quiet' }, LIVE.has(job.status) ? 'Written when the training has finished: the net beside its baselines on the same split.' : 'This job has not finished, so there is no report.'));
      return;
    }
    const report = await get(`${this.base}/report`, { signal });
    put(this.summary, h('h2', {}, 'Verdict'), h('p', { class: 'sentence' }, report.sentence), protocolList(report), caveatList(report.caveats ?? []));
    put(this.element, candidateTable(report), differenceTable(report), calibrationFigure(report),
      h('details', { class: 'card' }, h('summary', {}, 'Report as JSON'), code(JSON.stringify(report, null, 2))));
  }
}

function protocolList(report) {
  const { protocol = {}, intervals } = report;
  const parts = protocol.parts ? PARTS.filter((name) => name in protocol.parts).map((name) => `${name} ${integer(protocol.parts[name])}`).join(', ') : null;
  const rows = [['Split', [protocol.name, protocol.ranked, protocol.grouped_by ? `grouped by ${protocol.grouped_by}` : null].filter(Boolean).join('; ').replaceAll('_', ' ')],
    ['Rows', parts], ['Split hash', protocol.split_hash?.slice(0, 12)], ['Seed', protocol.seed],
    ['Intervals', intervals ? `${percent(intervals.level, 0)}, ${intervals.method}, ${integer(intervals.resamples)} resamples by ${intervals.unit}` : null]];
  return h('dl', { class: 'pairs' }, rows.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([label, value]) => [h('dt', {}, label), h('dd', {}, value)]));
}

function caveatList(caveats) {
  return caveats.length ? h('details', {}, h('summary', {}, `Before quoting it (${caveats.length})`), h('ul', { class: 'plain-list' }, caveats.map((text) => h('li', {}, text)))) : null;
}

function candidateTable(report) {
  const rows = report.candidates ?? [];
  const names = metricOrder([...new Set(rows.flatMap((row) => Object.keys(row.metrics ?? {})))]);
  return h('section', { class: 'card scroll', 'aria-label': 'Candidates' }, h('h2', {}, 'Candidates on the same split'),
    h('table', { class: 'cards dense' }, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Candidate'), names.map((name) => h('th', { scope: 'col' }, metricName(name))))),
      h('tbody', {}, rows.map((row) => candidateRow(row, names, report.winner)))));
}

function candidateRow(row, names, winner) {
  const won = row.name === winner;
  const title = h('th', { scope: 'row' }, h('span', {}, row.name.replaceAll('_', ' '), ' ', h('span', { class: 'quiet role' }, row.role)), won ? h('span', { class: 'chip' }, 'won') : null);
  if (row.refused) return h('tr', {}, title, h('td', { colspan: names.length, class: 'quiet', 'data-label': 'not run' }, row.refused));
  return h('tr', { 'data-winner': won ? 'yes' : null }, title, names.map((name) => h('td', { class: 'num', 'data-label': metricName(name) }, metricCell(row.metrics[name]))));
}

function metricCell(metric) {
  if (!metric) return '–';
  return h('span', {}, fixed(metric.value), Number.isFinite(metric.low) ? h('small', { class: 'quiet' }, ` ${fixed(metric.low, 3)} to ${fixed(metric.high, 3)}`) : null);
}

/** The net minus each baseline: only an interval without 0 tells the two apart. */
function differenceTable(report) {
  const rows = (report.differences ?? []).filter((row) => row.metric === report.main_metric);
  if (!rows.length) return null;
  const columns = ['Pair', 'Difference', 'Interval', 'Told apart'];
  const body = rows.map((row) => [`${row.net} minus ${row.baseline.replaceAll('_', ' ')}`, signed(row.value), Number.isFinite(row.low) ? `${signed(row.low)} to ${signed(row.high)}` : '–', row.decided ? 'yes' : 'no: a tie']);
  return h('section', { class: 'card scroll', 'aria-label': 'Paired differences' }, h('h2', {}, `Paired differences in ${metricName(report.main_metric)}`),
    h('table', { class: 'cards dense' }, h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, body.map((cells) => h('tr', {}, cells.map((cell, at) => h('td', { class: at ? 'num' : null, 'data-label': columns[at] }, cell)))))));
}
