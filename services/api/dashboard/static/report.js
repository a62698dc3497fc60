// The judgement of a finished job: who won, by how much, how sure, and (for a diagnosis) how well calibrated.

import { get } from './api.js';
import { calibrationFigure } from './calibration.js';
import { h, put } from './dom.js';
import { fixed, metricName, metricOrder } from './format.js';
import { LIVE } from './job_parts.js';
import { code } from './notices.js';

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
    put(this.summary, h('h2', {}, 'Verdict'), h('p', { class: 'sentence' }, report.sentence), protocolList(report));
    put(this.element, candidateTable(report), report.calibration ? calibrationFigure(report) : null, h('details', { class: 'card' }, h('summary', {}, 'Report as JSON'), code(JSON.stringify(report, null, 2))));
  }
}

function protocolList(report) {
  const rows = [['Protocol', protocolText(report.protocol)], ['Split', report.split_hash?.slice(0, 12)], ['Seed', report.seed]];
  return h('dl', { class: 'pairs' }, rows.filter(([, value]) => value !== undefined && value !== null).map(([label, value]) => [h('dt', {}, label), h('dd', {}, value)]));
}

function protocolText(protocol) {
  if (!protocol || typeof protocol === 'string') return protocol;
  return Object.entries(protocol).filter(([, value]) => value !== null && typeof value !== 'object').map(([name, value]) => `${name.replaceAll('_', ' ')} ${value}`).join(', ');
}

function candidateTable(report) {
  const rows = report.candidates ?? [];
  const names = metricOrder([...new Set(rows.flatMap((row) => Object.keys(row.metrics ?? {})))]);
  const body = rows.map((row) => h('tr', { 'data-winner': row.name === report.winner ? 'yes' : null },
    h('th', { scope: 'row' }, row.name, row.name === report.winner ? h('span', { class: 'chip' }, 'won') : null),
    names.map((name) => h('td', { class: 'num', 'data-label': metricName(name) }, metricCell(row, name)))));
  return h('section', { class: 'card scroll', 'aria-label': 'Candidates' }, h('h2', {}, 'Candidates on the same split'),
    h('table', { class: 'cards' }, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Candidate'), names.map((name) => h('th', { scope: 'col' }, metricName(name))))), h('tbody', {}, body)));
}

function metricCell(row, name) {
  const metric = row.metrics[name];
  const interval = metric?.interval ?? row.intervals?.[name] ?? (metric && Number.isFinite(metric.low) ? [metric.low, metric.high] : null);
  const value = Number.isFinite(metric) ? metric : metric?.value;
  return [fixed(value), interval ? h('small', { class: 'quiet' }, ` ${fixed(interval[0], 3)}–${fixed(interval[1], 3)}`) : null];
}

