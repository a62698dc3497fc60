// One model's page: its versions and aliases, and a form that asks it.

import { get } from './api.js';
import { RecommendForm } from './ask_recommend.js';
import { DiagnoseForm } from './ask_diagnose.js';
import { h, put } from './dom.js';
import { ago, clock, fixed, metricName, metricOrder, shortId } from './format.js';
import { plainMetrics } from './job_parts.js';
import { aliasChips, chips } from './models.js';
import { Trouble, emptyBox } from './notices.js';
import { poll } from './poll.js';
import { versionAddress } from './route.js';

const STILL_MS = 8_000;
const SHOWN_METRICS = 4;

/** Show the model `name` in `root` until `signal` aborts. */
export function showModel(root, { name, signal, absent }) {
  const page = new ModelPage(root, { name, signal, absent });
  poll(() => page.refresh(), { pause: () => STILL_MS, onError: page.trouble.asked, signal });
}

class ModelPage {
  #shown = '';
  #asked = null;
  #aliases = {};

  constructor(root, { name, signal, absent }) {
    this.name = name;
    this.signal = signal;
    this.base = `/v1/models/${encodeURIComponent(name)}`;
    this.trouble = new Trouble({ absent });
    this.aliases = h('span');
    this.form = h('section', { class: 'ask', 'aria-label': 'Ask the model' });
    this.versions = h('section', { 'aria-label': 'Versions' });
    this.picker = h('select', { id: 'version-picker', onchange: () => this.#ask() });
    put(root, h('p', { class: 'crumbs' }, h('a', { href: '#/models' }, 'Models'), ' / ', h('code', {}, name)),
      h('div', { class: 'head' }, h('h1', {}, name), this.aliases), this.trouble.element, this.form, this.versions);
  }

  async refresh() {
    const options = { signal: this.signal };
    const [model, versions] = await Promise.all([get(this.base, options), get(`${this.base}/versions?limit=50`, options)]);
    this.trouble.asked(null);
    const text = JSON.stringify([model, versions]);
    if (text === this.#shown) return;
    this.#shown = text;
    put(this.aliases, aliasChips(model.aliases));
    put(this.versions, h('h2', {}, 'Versions'), versionTable(this.name, versions.data));
    this.#offer(model, versions.data);
    if (versions.data.length) await this.#ask();
  }

  /** Offer the aliases and versions that can be asked; the choice made before stays. */
  #offer(model, versions) {
    const before = this.picker.value;
    const choices = [...Object.keys(model.aliases).map((alias) => [`alias=${alias}`, alias]), ...versions.map(({ version }) => [`version=${version}`, `version ${version}`])];
    put(this.picker, choices.map(([value, text]) => h('option', { value }, text)));
    this.#aliases = model.aliases;
    this.picker.value = choices.some(([value]) => value === before) ? before : choices[0]?.[0];
    if (!choices.length) put(this.form, emptyBox('No version yet', h('p', {}, 'A finished job publishes the first one.')));
  }

  /** Show the form of the chosen version; the same version keeps its form and what was typed. */
  async #ask() {
    const [kind, value] = this.picker.value.split('=');
    const number = kind === 'version' ? Number(value) : this.#aliases[value];
    if (this.#asked === `${this.picker.value} ${number}`) return;
    this.#asked = `${this.picker.value} ${number}`;
    const version = await get(`${this.base}/versions/${number}`, { signal: this.signal });
    const Form = version.task === 'diagnose' ? DiagnoseForm : RecommendForm;
    const form = new Form({ base: this.base, query: `?${kind}=${encodeURIComponent(value)}`, version });
    put(this.form, h('div', { class: 'head' }, h('h2', {}, 'Ask it'), h('label', { class: 'push quiet', for: 'version-picker' }, 'Answering version'), this.picker), form.element);
  }
}

function versionTable(name, versions) {
  const names = metricOrder([...new Set(versions.flatMap((version) => Object.keys(plainMetrics(version.metrics))))]).slice(0, SHOWN_METRICS);
  const columns = ['Version', 'Aliases', ...names.map(metricName), 'Job', 'Created'];
  const rows = versions.map((version) => {
    const metrics = plainMetrics(version.metrics);
    const cells = [h('a', { href: versionAddress(name, version.version) }, `version ${version.version}`), chips(version.aliases), ...names.map((metric) => fixed(metrics[metric])), jobLink(version.job), h('time', { datetime: version.created_at, title: clock(version.created_at) }, ago(version.created_at))];
    return h('tr', {}, cells.map((cell, at) => h('td', { 'data-label': columns[at] }, cell)));
  });
  return h('table', { class: 'cards' }, h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
}

function jobLink(id) {
  return id ? h('a', { href: `#/jobs/${encodeURIComponent(id)}`, title: id }, shortId(id)) : '–';
}
