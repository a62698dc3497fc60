// A trace as tables: nodes, edges, and the chain rule for each variable.

import { h } from '../dom.js';
import { integer, number } from '../format.js';

/** Return a value as people read it: a number, a vector, a matrix. */
export function valueText(value) {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return number(value, 6).replace('-', '−');
  return Array.isArray(value) ? `[${value.map(valueText).join(', ')}]` : String(value);
}

/** Return the chain rule for each variable. */
export function chainRules({ variables = {} }) {
  const entries = Object.entries(variables);
  if (!entries.length) return null;
  return h('section', { class: 'card', 'aria-label': 'Chain rule' }, h('h2', {}, 'Chain rule'), entries.map(([name, one]) => h('div', { class: 'chain' }, h('h3', {}, h('code', {}, name), ' ', h('span', { class: 'quiet' }, `gradient ${valueText(one.grad)}, ${integer(one.paths)} ${one.paths === 1 ? 'path' : 'paths'}`)),
    h('pre', { class: 'code', tabindex: '0' }, one.chain_rule))));
}

/** Return the nodes with their values and gradients. */
export function nodeTable({ nodes }) {
  return table('Nodes', ['Node', 'Operation', 'Value', 'Gradient'], nodes.map((node) => [h('code', {}, node.label), node.op, valueText(node.value), valueText(node.grad)]));
}

/** Return the edges with what each carries back. */
export function edgeTable({ nodes, edges }) {
  const names = new Map(nodes.map((node) => [node.id, node.label.split(' = ')[0]]));
  return table('Edges', ['From', 'To', 'Local derivative', 'Its value', 'Upstream', 'Contribution'], edges.map((edge) => [h('code', {}, names.get(edge.from)), h('code', {}, names.get(edge.to)), edge.local ?? '–', valueText(edge.local_value), valueText(edge.upstream), valueText(edge.contribution)]));
}

function table(title, columns, rows) {
  return h('section', { class: 'card scroll', 'aria-label': title }, h('h2', {}, title), h('table', { class: 'dense' }, h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell, at) => (at ? h('td', { class: 'num' }, cell) : h('th', { scope: 'row' }, cell))))))));
}
