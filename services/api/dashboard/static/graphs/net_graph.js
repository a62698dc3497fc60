// The graph of a trained net: its picture by module, layer or operation, with heat; its layers as a table; files to take away.

import { download, get } from '../api.js';
import { freshId, h, put } from '../dom.js';
import { bytes, integer, number } from '../format.js';
import { errorBox } from '../notices.js';
import { DrawingView } from './drawing_view.js';

const LEVELS = [['module', 'modules'], ['layer', 'layers'], ['op', 'operations']];
const HEATS = [['gradient', 'gradient norm'], ['activation', 'activation'], ['parameters', 'parameters'], ['flops', 'FLOPs'], ['none', 'none']];
const FORMS = [['SVG', 'image/svg+xml', 'svg'], ['PNG', 'image/png', 'png'], ['DOT', 'text/vnd.graphviz', 'dot'], ['Mermaid', 'text/vnd.mermaid', 'mmd'], ['JSON', 'application/json', 'json'], ['ONNX', 'application/onnx', 'onnx']];
const COLUMNS = ['Layer', 'Type', 'Output', 'Parameters', 'FLOPs forward', 'FLOPs back', 'Gradient norm', 'Weight norm', 'Activation', 'Zeros'];

export class NetGraph {
  #answer = h('div');
  #table = h('div', { class: 'stack' });
  #totals = h('p', { class: 'quiet line' });

  constructor(base, { name, signal }) {
    this.base = `${base}/graph`;
    this.name = name;
    this.signal = signal;
    this.view = new DrawingView();
    const [level, levelChoice] = choice('Level', LEVELS, () => this.#draw());
    const [heat, heatChoice] = choice('Heat', HEATS, () => this.#draw());
    this.level = level;
    this.heat = heat;
    this.element = h('section', { class: 'card net-graph', 'aria-label': 'Graph of the net' }, h('div', { class: 'head' }, h('h2', {}, 'Graph of the net'), h('span', { class: 'actions push' }, levelChoice, heatChoice, this.view.tools)),
      this.#totals, this.#answer, this.view.element, this.#downloads(), this.#table);
  }

  async load() {
    try {
      const graph = await get(`${this.base}?level=layer`, { signal: this.signal });
      put(this.#totals, totalsText(graph));
      put(this.#table, layerTables(graph));
      await this.#draw();
    } catch (error) {
      if (!this.signal.aborted) put(this.#answer, errorBox(error));
    }
  }

  /** Return what is asked of a form: an ONNX file has no levels, and JSON no colours. */
  #query(ending) {
    if (ending === 'onnx') return '';
    return `?level=${this.level.value}${ending === 'json' ? '' : `&heat=${this.heat.value}`}`;
  }

  async #draw() {
    try {
      await this.view.load(this.base + this.#query('svg'), { signal: this.signal });
      put(this.#answer);
    } catch (error) {
      if (!this.signal.aborted) put(this.#answer, errorBox(error));
    }
  }

  #downloads() {
    const save = (accept, ending) => download(this.base + this.#query(ending), accept, `${this.name}.${ending}`).catch((error) => put(this.#answer, errorBox(error)));
    return h('div', { class: 'actions downloads', role: 'group', 'aria-label': 'Download the graph' }, h('span', { class: 'quiet' }, 'Download:'), FORMS.map(([name, accept, ending]) => h('button', { type: 'button', class: 'small', onclick: () => save(accept, ending) }, name)));
  }
}

/** A select, and the same with its label, which stay on one line together. */
function choice(title, choices, onchange) {
  const input = h('select', { id: freshId('choice'), onchange }, choices.map(([value, word]) => h('option', { value }, word)));
  return [input, h('span', { class: 'labelled' }, h('label', { class: 'quiet', for: input.id }, title), ' ', input)];
}

function totalsText({ totals, row, sample }) {
  const parts = [`${integer(totals.parameters)} parameters (${bytes(totals.bytes)})`, `${integer(totals.flops_forward)} FLOPs forward and ${integer(totals.flops_backward)} backward for one ${row ?? 'row'}`,
    sample ? `statistics of ${integer(sample.rows)} ${sample.source} rows` : null];
  return parts.filter(Boolean).join(' · ');
}

/** A table for each module, closed where there are many, so that a large net can be read a part at a time. */
function layerTables({ nodes }) {
  const modules = new Map();
  for (const node of nodes) modules.set(node.module ?? 'ends', [...(modules.get(node.module ?? 'ends') ?? []), node]);
  return [...modules].map(([name, members]) => h('details', { class: 'module', open: modules.size <= 6 }, h('summary', {}, h('code', {}, name), ' ', h('span', { class: 'quiet' }, `${integer(members.length)} ${members.length === 1 ? 'node' : 'nodes'}, ${integer(sum(members, 'parameters'))} parameters`)),
    h('div', { class: 'scroll' }, h('table', { class: 'dense' }, h('thead', {}, h('tr', {}, COLUMNS.map((title) => h('th', { scope: 'col' }, title)))), h('tbody', {}, members.map(layerRow))))));
}

function sum(nodes, name) {
  return nodes.reduce((total, node) => total + (node[name] ?? 0), 0);
}

function layerRow(node) {
  const spread = Number.isFinite(node.activation_mean) ? `${number(node.activation_mean, 3)} ± ${number(node.activation_sd, 3)}` : '–';
  const cells = [node.type, (node.outputs ?? []).map((shape) => shape.join(' × ') || '1').join(', ') || '–', integer(node.parameters), integer(node.flops_forward), integer(node.flops_backward), number(node.gradient_norm, 3), number(node.weight_norm, 3), spread,
    Number.isFinite(node.zero_fraction) ? `${(node.zero_fraction * 100).toFixed(1)} %` : '–'];
  return h('tr', {}, h('th', { scope: 'row' }, h('code', {}, node.path || node.id)), cells.map((cell, at) => h('td', { class: at > 1 ? 'num' : null }, cell)));
}
