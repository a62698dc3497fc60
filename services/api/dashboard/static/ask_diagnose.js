// Asking a diagnosis model: a form made from the version's columns, and the answer with what moved it.

import { post } from './api.js';
import { ask, labelled } from './ask_recommend.js';
import { announce, h, put, svg } from './dom.js';
import { integer, number, percent, signed } from './format.js';
import { emptyBox } from './notices.js';
import { versionAddress } from './route.js';

const SHOWN_CONTRIBUTIONS = 12;
const FILTER_FROM = 12;
const FLAGS = { out_of_range: 'outside the range seen in training', unseen: 'a level not seen in training', missing: 'missing; the model was told so', outside_interval: 'The probability lies outside its interval: validation records that scored alike disagree with the model here, so trust the interval more.' };

export class DiagnoseForm {
  #answer = h('div', { class: 'answer', 'aria-live': 'polite' });

  constructor({ base, query, version }) {
    this.url = `${base}/diagnose${query}`;
    this.inputs = inputsOf(version);
    this.fields = this.inputs.map((input) => ({ input, element: fieldOf(input) }));
    put(this.#answer, emptyBox('No question yet', h('p', {}, 'The form starts at the reference record: every median and every commonest level. Change what you know; empty a field to say that it is missing.')));
    this.element = h('div', { class: 'ask-grid' }, this.#form(), h('div', { class: 'answers' }, this.#answer));
  }

  #form() {
    const submit = (event) => { event.preventDefault(); this.#diagnose(); };
    const reset = h('button', { type: 'button', onclick: () => this.#reset() }, 'Back to the reference');
    const rows = this.fields.map(({ input, element }) => labelled(input.name, element, hintOf(input)));
    return h('form', { class: 'card fields', onsubmit: submit, novalidate: true }, this.inputs.length >= FILTER_FROM ? filter(rows) : null,
      h('div', { class: 'columns' }, rows), h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'main' }, 'Predict'), reset));
  }

  #reset() {
    for (const { input, element } of this.fields) element.value = referenceText(input);
  }

  #record() {
    const record = {};
    for (const { input, element } of this.fields) {
      const text = element.value.trim();
      // An untouched field means the reference itself, not its rounded text.
      if (text === referenceText(input)) record[input.name] = input.reference;
      else if (text === '') record[input.name] = null;
      else record[input.name] = input.kind === 'number' ? Number(text) : text;
    }
    return record;
  }

  async #diagnose() {
    const body = { record: this.#record(), explain: true };
    await ask(this.#answer, () => post(this.url, body), (answer) => show(answer));
  }
}

/** Return the columns of a version as `{name, kind, levels, reference, low, high}`, numbers first. */
export function inputsOf(version) {
  return version.card?.inputs ?? [];
}

function fieldOf(input) {
  if (input.kind === 'number') return h('input', { type: 'number', step: 'any', inputmode: 'decimal', value: referenceText(input) });
  const options = [h('option', { value: '' }, '(missing)'), ...input.levels.map((level) => h('option', { value: level }, level))];
  const select = h('select', {}, options);
  select.value = referenceText(input);
  return select;
}

function referenceText(input) {
  const { reference } = input;
  if (reference === null || reference === undefined) return '';
  return input.kind === 'number' ? String(Number(reference.toPrecision(6))) : reference;
}

function hintOf(input) {
  return input.kind === 'number' && Number.isFinite(input.low) ? `${number(input.low, 3)} to ${number(input.high, 3)}` : null;
}

function filter(rows) {
  const field = h('input', { type: 'search', placeholder: 'Find a column', 'aria-label': 'Find a column' });
  field.addEventListener('input', () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.firstChild.textContent.toLowerCase().includes(wanted);
  });
  return field;
}

function show(answer) {
  const [prediction] = answer.predictions;
  announce(`Probability ${percent(prediction.probability)}`);
  return [h('div', { class: 'head' }, h('h3', {}, questionOf(answer.outcome)), h('a', { class: 'push', href: versionAddress(answer.model, answer.version) }, `${answer.model} version ${answer.version}`)),
    probability(prediction, answer.outcome), flagList(prediction.flags ?? []), contributions(prediction.contributions ?? []),
    h('p', { class: 'notice', 'data-tone': 'warn', role: 'note' }, answer.notice)];
}

function questionOf(outcome) {
  return outcome?.target ? `Probability that ${outcome.target} is ${outcome.positive}` : 'Prediction';
}

/** The probability, and how often it came true among validation records that scored alike. */
function probability(prediction, outcome) {
  const { low, high, rows } = prediction.interval;
  const bar = svg('svg', { class: 'probability-bar', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('rect', { x: 0, y: 2, width: 100, height: 4, class: 'track' }),
    svg('rect', { x: low * 100, y: 2, width: Math.max(0.4, (high - low) * 100), height: 4, class: 'interval' }),
    svg('rect', { x: Math.min(99.2, prediction.probability * 100), y: 0, width: 0.8, height: 8, class: 'here' }));
  return h('div', { class: 'probability' }, h('strong', { class: 'num' }, percent(prediction.probability)),
    h('span', { class: 'quiet' }, `${percent(low)} to ${percent(high)} among ${integer(rows)} validation records that scored alike (95 % interval)`), bar,
    Number.isFinite(outcome?.base_rate) ? h('span', { class: 'quiet base' }, `In ${percent(outcome.base_rate)} of the ${integer(outcome.rows)} training records it was so.`) : null);
}

function flagList(flags) {
  if (!flags.length) return h('p', { class: 'quiet' }, 'No flags: every value lies inside what the model was trained on.');
  return h('ul', { class: 'flags' }, flags.map((flag) => {
    const [word, ...column] = flag.split(':');
    return h('li', {}, column.length ? h('code', {}, column.join(':')) : null, ` ${FLAGS[word] ?? word}`);
  }));
}

/** What moved the prediction away from the reference record, the strongest first, on the scale of the logit. */
function contributions(rows) {
  const sorted = [...rows].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution)).slice(0, SHOWN_CONTRIBUTIONS);
  if (!sorted.length) return h('p', { class: 'quiet' }, 'Nothing moved it: this is the reference record.');
  const most = Math.max(...sorted.map((row) => Math.abs(row.contribution)), 1e-12);
  const items = sorted.map((row) => h('li', {}, h('span', { class: 'name' }, row.column), deviation(row.contribution / most), h('span', { class: 'num' }, signed(row.contribution, 3))));
  return h('div', {}, h('h4', {}, 'What moved it'), h('p', { class: 'quiet' }, 'Against the reference record, in log-odds; right raises the probability.'), h('ol', { class: 'contributions' }, items));
}

function deviation(share) {
  const width = Math.abs(share) * 50;
  return svg('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', class: 'deviation', 'aria-hidden': 'true' },
    svg('rect', { x: share < 0 ? 50 - width : 50, y: 1, width, height: 8, class: share < 0 ? 'lowers' : 'raises' }), svg('line', { x1: 50, x2: 50, y1: 0, y2: 10 }));
}
