// The data sets: what was read, and what was wrong with those that were refused.

import { get, post } from './api.js';
import { announce, h, put } from './dom.js';
import { ago, bytes, clock, integer, percent, shortId } from './format.js';
import { pill } from './job_parts.js';
import { Trouble, code, emptyBox } from './notices.js';
import { poll } from './poll.js';
import { twice } from './sweeps/parts.js';

const READING_MS = 1_500;
const STILL_MS = 15_000;

/** Show the data sets in `root` until `signal` aborts; `name` opens one of them. */
export function showDatasets(root, { name, signal }) {
  const trouble = new Trouble();
  const list = h('div', { class: 'stack' });
  put(root, h('div', { class: 'head' }, h('h1', {}, 'Data sets')), trouble.element, list);
  let reading = false;
  let shown = '';
  const cancel = async (id) => {
    try {
      await post(`/v1/datasets/${id}/cancel`);
      announce('Cancel asked for');
      trouble.acted(null);
      again();
    } catch (error) {
      trouble.acted(error);
    }
  };
  const load = async () => {
    const { data } = await get('/v1/datasets?limit=100', { signal });
    trouble.asked(null);
    reading = data.some((dataset) => dataset.status === 'reading');
    // Drawn again only when something changed, so that an opened table stays open and keeps the focus.
    if (JSON.stringify(data) === shown) return;
    shown = JSON.stringify(data);
    const open = opened(list, name);
    put(list, data.length ? data.map((dataset) => card(dataset, { open, cancel })) : noDatasets());
  };
  const again = poll(load, { pause: () => (reading ? READING_MS : STILL_MS), onError: trouble.asked, signal });
}

function opened(list, name) {
  const ids = [...list.querySelectorAll('details[open]')].map((element) => element.closest('article').dataset.dataset);
  return new Set([...ids, name]);
}

function card(dataset, { open, cancel }) {
  const facts = [
    ['Rows', integer(dataset.rows)], ['Users', integer(dataset.users)], ['Items', integer(dataset.items)],
    ['Columns', integer(dataset.columns?.length)], ['Version', dataset.version], ['Size', bytes(dataset.size_bytes)], ['sha256', dataset.sha256?.slice(0, 12)],
  ].filter(([, value]) => value !== undefined && value !== null && value !== '–');
  return h('article', { class: 'card', 'data-dataset': dataset.id },
    h('div', { class: 'head' }, h('h2', {}, dataset.name), pill(dataset.status).element, h('span', { class: 'quiet' }, dataset.kind),
      h('code', { class: 'id', title: dataset.id }, shortId(dataset.id)), h('time', { class: 'quiet push', datetime: dataset.created_at, title: clock(dataset.created_at) }, ago(dataset.created_at))),
    facts.length && dataset.status === 'ready' ? h('dl', { class: 'facts small' }, facts.map(([label, value]) => h('div', {}, h('dt', {}, label), h('dd', { class: 'num' }, value)))) : null,
    dataset.status === 'reading' ? h('div', { class: 'actions' }, twice('Cancel', () => cancel(dataset.id))) : null,
    dataset.errors?.length ? whatWasWrong(dataset.errors) : null,
    dataset.warnings?.length ? h('ul', { class: 'plain-list warn-list' }, dataset.warnings.map((text) => h('li', {}, text))) : null,
    dataset.columns?.length ? columnTable(dataset, open.has(dataset.id)) : null,
    dataset.status === 'ready' ? usage(dataset) : null);
}

/** A reading that ended by itself or by a person has no place in a file, and nothing to put right there. */
function whatWasWrong(errors) {
  const whole = errors.filter((entry) => !entry.file);
  return whole.length ? h('p', {}, `Nothing was kept: ${whole.map((entry) => entry.came).join(', ')}. Upload the files again.`) : errorTable(errors);
}

function errorTable(errors) {
  const names = ['File', 'Data row', 'Column', 'Wanted', 'Came'];
  const rows = errors.map((entry) => [entry.file, entry.row ?? '–', entry.column ?? '–', entry.wanted, entry.came]);
  return h('div', { class: 'scroll' }, h('p', {}, 'Nothing was kept. Put these places right and upload the files again:'), h('table', { class: 'cards plain' },
    h('thead', {}, h('tr', {}, names.map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell, at) => h('td', { 'data-label': names[at] }, cell)))))));
}

function columnTable(dataset, isOpen) {
  const rows = dataset.columns.map((column) => h('tr', {}, h('th', { scope: 'row' }, column.name), h('td', {}, column.type),
    h('td', { class: 'num' }, dataset.rows ? percent(column.missing / dataset.rows) : '–'), h('td', { class: 'num' }, integer(column.distinct)), h('td', {}, (column.levels ?? []).join(', '))));
  return h('details', { open: isOpen }, h('summary', {}, 'Columns as read'), h('div', { class: 'scroll' }, h('table', { class: 'dense' },
    h('thead', {}, h('tr', {}, ['Column', 'Type', 'Missing', 'Distinct', 'Levels'].map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows))));
}

function usage(dataset) {
  return h('p', { class: 'quiet line' }, 'Train on it with ', h('code', {}, `"dataset": "${dataset.id}"`));
}

function noDatasets() {
  const body = `curl -H "Authorization: Bearer $GRADUS_KEY" \\
  -F 'spec={"name":"ratings","kind":"interactions"}' -F file=@ratings.csv \\
  ${location.origin}/v1/datasets`;
  return emptyBox('No data sets yet', h('p', {}, 'Upload CSV or Parquet files. Columns and types are inferred unless the spec names them; a file that cannot be read is refused with the row and column at fault.'), code(body));
}
