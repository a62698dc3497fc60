// Computation graphs of formulas: values forward, gradients backward, the chain rule written out path by path.

import { download, post } from '../api.js';
import { freshId, h, put } from '../dom.js';
import { errorBox } from '../notices.js';
import { packed, unpacked } from '../route.js';
import { DrawingView } from './drawing_view.js';
import { Stepper } from './stepper.js';
import { chainRules, edgeTable, nodeTable } from './trace_tables.js';

const PATH = '/v1/graphs/trace';
const WAIT_MS = 250;
const FIRST = { expression: 'x*y + z', values: { x: '7', y: '13', z: '19' } };
const EXAMPLES = [FIRST, { expression: 'sigmoid(w1*x1 + w2*x2 + b)', values: { w1: '2', x1: '-1', w2: '-3', x2: '-2', b: '-3' } }, { expression: 'max(x, y) * tanh(z)', values: { x: '3', y: '2', z: '0.5' } },
  { expression: 'x*x*x', values: { x: '2' } }, { expression: 'h = relu(W @ x + b); mean((h - y)**2)', values: { W: '[[1, -2], [0.5, 1]]', x: '[2, 1]', b: '[0.5, -1]', y: '[0, 1]' } }, { expression: 'log(1 + exp(-y*(w*x + b)))', values: { y: '1', w: '0.5', x: '2', b: '-0.2' } }];
const FORMS = [['SVG', 'image/svg+xml', 'svg'], ['PNG', 'image/png', 'png'], ['DOT', 'text/vnd.graphviz', 'dot'], ['Mermaid', 'text/vnd.mermaid', 'mmd'], ['JSON', 'application/json', 'json']];
const NAME = /(?<![\w.])[A-Za-z_]\w*(?!\w*\s*\()/g;
const ASSIGNED = /(?:^|[;\n])\s*([A-Za-z_]\w*)\s*=(?!=)/g;

/** Show the page in `root`; `query.state` brings a formula along. */
export function showExpression(root, { query, signal }) {
  new ExpressionPage(root, unpacked(query.state ?? '') ?? FIRST, signal).start();
}

class ExpressionPage {
  #timer = null;
  #asking = null;
  #wrong = h('div', { 'aria-live': 'polite' });
  #values = h('div', { class: 'fields-grid' });
  #result = h('p', { class: 'sentence', role: 'status' });
  #tables = h('div', { class: 'stack' });
  #saving = this.#downloads();
  #figure;

  constructor(root, { expression, values }, signal) {
    this.signal = signal;
    this.values = { ...values };
    this.view = new DrawingView();
    this.stepper = new Stepper();
    this.input = h('textarea', { id: freshId('expression'), class: 'mono wide', rows: '2', maxlength: '1000', autocomplete: 'off', spellcheck: 'false', value: String(expression ?? ''), oninput: () => this.#edited() });
    const examples = h('select', { id: freshId('example'), onchange: () => this.#take(EXAMPLES[Number(examples.value)]) }, h('option', { value: '' }, 'choose …'), EXAMPLES.map((one, at) => h('option', { value: at }, one.expression)));
    this.#figure = h('section', { class: 'card', 'aria-label': 'Graph', hidden: true }, h('div', { class: 'head' }, h('h2', {}, 'Graph'), this.#result, h('span', { class: 'push' }, this.view.tools)), this.view.element, this.stepper.element, this.#saving);
    put(root, h('div', { class: 'head' }, h('h1', {}, 'Computation graphs'), h('p', { class: 'quiet' }, 'Every number on its wire, forward and backward.')),
      h('section', { class: 'card', 'aria-label': 'Formula and values' }, h('div', { class: 'expression-line' }, h('p', { class: 'field grow' }, h('label', { for: this.input.id }, 'Formula'), this.input, h('small', { class: 'quiet' }, '+ − * / ** @, brackets, functions such as exp, log, sigmoid, relu, max, sum, mean; a = x*y; a + z names what lies between. A value is a number, a vector such as [1, 2] or a matrix.')),
        h('p', { class: 'field' }, h('label', { for: examples.id }, 'Examples'), examples)), this.#values, this.#wrong), this.#figure, this.#tables);
    signal.addEventListener('abort', () => { clearTimeout(this.#timer); this.#asking?.abort(); }, { once: true });
  }

  start() {
    this.#fields();
    this.#ask();
  }

  #take(example) {
    if (!example) return;
    this.values = { ...example.values };
    this.input.value = example.expression;
    this.#edited();
  }

  #edited() {
    this.#fields();
    this.#soon();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), WAIT_MS);
  }

  #names() {
    const assigned = new Set([...this.input.value.matchAll(ASSIGNED)].map(([, name]) => name));
    return [...new Set(this.input.value.match(NAME) ?? [])].filter((name) => !assigned.has(name));
  }

  /** A field for each name in the formula; what was typed for a name stays while it comes and goes. */
  #fields() {
    const names = this.#names();
    if (JSON.stringify(names) === this.#values.dataset.names) return;
    this.#values.dataset.names = JSON.stringify(names);
    put(this.#values, names.map((name) => {
      const input = h('input', { type: 'text', class: 'mono', id: freshId('value'), autocomplete: 'off', value: this.values[name] ?? '', placeholder: '1', oninput: () => { this.values[name] = input.value; this.#soon(); } });
      return h('p', { class: 'field' }, h('label', { for: input.id }, name), input);
    }));
  }

  #body() {
    return { expression: this.input.value, values: Object.fromEntries(this.#names().map((name) => [name, valueOf(this.values[name])])) };
  }

  async #ask() {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const body = this.#body();
    history.replaceState(null, '', `#/graphs?state=${packed({ expression: body.expression, values: this.values })}`);
    try {
      const trace = await post(PATH, body, { signal: asking.signal });
      const drawing = await this.view.load(PATH, { method: 'POST', body, signal: asking.signal });
      if (!asking.signal.aborted) this.#show(trace, drawing);
    } catch (error) {
      if (!asking.signal.aborted) this.#refused(error);
    }
  }

  /** What is drawn stays, and is marked as older than the formula. */
  #refused(error) {
    put(this.#wrong, errorBox(error), this.#figure.hidden ? null : h('p', { class: 'wrong' }, 'What is drawn below is of the last formula and values that could be traced.'));
    this.#stale(true);
  }

  #stale(isStale) {
    for (const part of [this.#figure, this.#tables]) part.toggleAttribute('data-stale', isStale);
    for (const button of this.#saving.querySelectorAll('button')) button.disabled = isStale;
  }

  #show(trace, drawing) {
    put(this.#wrong, (trace.warnings ?? []).map((text) => h('p', { class: 'notice', 'data-tone': 'warn' }, text.message ?? text)));
    this.#figure.hidden = false;
    this.#stale(false);
    put(this.#result, `= ${JSON.stringify(trace.value)}`);
    this.stepper.show(trace, drawing);
    put(this.#tables, chainRules(trace), nodeTable(trace), edgeTable(trace));
  }

  #downloads() {
    const save = (accept, ending) => download(PATH, accept, `graph.${ending}`, { method: 'POST', body: this.#body() }).catch((error) => put(this.#wrong, errorBox(error)));
    return h('div', { class: 'actions downloads', role: 'group', 'aria-label': 'Download the graph' }, h('span', { class: 'quiet' }, 'Download:'), FORMS.map(([name, accept, ending]) => h('button', { type: 'button', class: 'small', onclick: () => save(accept, ending) }, name)));
  }
}

/** A number, a vector or a matrix; what is none of them goes on as text, and the server says so. */
function valueOf(text) {
  const trimmed = (text ?? '').trim();
  if (trimmed === '') return 1;
  try {
    return JSON.parse(trimmed);
  } catch {
    return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
  }
}
