// The published models: name, task, versions and aliases.

import { get } from './api.js';
import { h, put } from './dom.js';
import { ago, clock } from './format.js';
import { Trouble, emptyBox } from './notices.js';
import { poll } from './poll.js';
import { versionAddress } from './route.js';

const STILL_MS = 8_000;
const COLUMNS = ['Model', 'Task', 'Newest version', 'Versions', 'Aliases', 'First published', 'Ask'];

/** Show the list of models in `root` until `signal` aborts. */
export function showModels(root, { signal }) {
  const trouble = new Trouble();
  const list = h('div');
  let shown = '';
  put(root, h('div', { class: 'head' }, h('h1', {}, 'Models')), trouble.element, list);
  const load = async () => {
    const { data } = await get('/v1/models', { signal });
    trouble.asked(null);
    if (JSON.stringify(data) === shown) return;
    shown = JSON.stringify(data);
    put(list, data.length ? table(data) : noModels());
  };
  poll(load, { pause: () => STILL_MS, onError: trouble.asked, signal });
}

function table(models) {
  const rows = models.map((model) => {
    const page = `#/models/${encodeURIComponent(model.name)}`;
    const cells = [h('a', { href: page }, model.name), model.task, h('a', { href: versionAddress(model.name, model.newest_version), 'aria-label': `${model.name} version ${model.newest_version}` }, model.newest_version), String(model.versions), aliasChips(model.aliases),
      h('time', { datetime: model.created_at, title: clock(model.created_at) }, ago(model.created_at)), h('a', { href: page, 'aria-label': `Ask it: ${model.name}` }, 'Ask it')];
    return h('tr', { 'data-model': model.name }, cells.map((cell, at) => h('td', { 'data-label': COLUMNS[at] || null }, cell)));
  });
  return h('table', { class: 'cards' }, h('thead', {}, h('tr', {}, COLUMNS.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
}

/** Return the aliases of a model (`{production: 3}`) as chips. */
export function aliasChips(aliases) {
  return chips(Object.entries(aliases).map(([alias, version]) => `${alias} → ${version}`));
}

/** Return texts as chips, or a dash. */
export function chips(texts) {
  return h('span', { class: 'chips' }, texts.length ? texts.map((text) => h('span', { class: 'chip' }, text)) : '–');
}

function noModels() {
  return emptyBox('No models yet', h('p', {}, 'A finished job publishes a version of the model that its spec names; with the alias production it answers here and over REST.'), h('p', {}, h('a', { href: '#/jobs' }, 'See the jobs')));
}
