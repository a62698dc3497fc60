// Asking for a range test: a job spec, and between which rates to climb.

import { post } from '../api.js';
import { announce, freshId, h, put } from '../dom.js';
import { JobBase } from '../job_base.js';
import { Trouble, errorBox } from '../notices.js';
import { read } from '../playground/fields.js';

const FIELDS = [['lo', 'From', 1e-5, 'The first rate, far too low to do anything.'], ['hi', 'To', 10, 'The last one, unless the loss runs away before.'], ['steps', 'Updates', 200, 'Two hundred as a rule; many records want more.'], ['smoothing', 'Smoothing', 0.9, 'Weight of the past in the smoothed loss.'], ['stop_at', 'Stop at', 4, 'Stops when the smoothed loss is this many times its best.']];

/** Show the form; `query.job` names a job whose spec it starts from. */
export function showNewRange(root, { query, signal }) {
  const trouble = new Trouble();
  const answer = h('div');
  const base = new JobBase({ signal, trouble, chosen: query.job ?? '', without: ['schedule'] });
  const inputs = Object.fromEntries(FIELDS.map(([name, , value]) => [name, h('input', { type: 'text', inputmode: 'decimal', id: freshId(name), value: String(value), autocomplete: 'off' })]));
  const spacing = h('select', { id: freshId('spacing') }, h('option', { value: 'exponential' }, 'exponential'), h('option', { value: 'linear' }, 'linear'));
  const button = h('button', { type: 'submit', class: 'main' }, 'Start the test');
  const submit = async (event) => {
    event.preventDefault();
    if (!base.spec) return;
    button.disabled = true;
    try {
      const body = { job: base.spec, spacing: spacing.value, ...Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, read(input.value)]).filter(([, value]) => value !== undefined)) };
      const test = await post('/v1/lr_range_tests', body);
      announce('The range test is queued');
      location.hash = `#/ranges/${encodeURIComponent(test.id)}`;
    } catch (error) {
      put(answer, errorBox(error));
    }
    button.disabled = false;
  };
  put(root, h('p', { class: 'crumbs' }, h('a', { href: '#/ranges' }, 'Range tests'), ' / new'), h('div', { class: 'head' }, h('h1', {}, 'Find a learning rate')),
    h('p', { class: 'quiet' }, 'A fresh copy of the net trains while the rate climbs. Where the loss falls fastest and where it runs away tell which rates are worth using.'), trouble.element,
    h('form', { class: 'stack', onsubmit: submit }, h('section', { class: 'card', 'aria-label': 'Job' }, h('h2', {}, 'Job'), base.element),
      h('section', { class: 'card', 'aria-label': 'Rates' }, h('h2', {}, 'Rates'), h('div', { class: 'fields-grid' }, FIELDS.map(([name, title, , hint]) => one(title, inputs[name], hint)), one('Spacing', spacing, 'Exponential spends the same number of updates on every decade.'))), answer, h('p', {}, button)));
}

function one(text, input, hint) {
  return h('p', { class: 'field' }, h('label', { for: input.id }, text), input, h('small', { class: 'quiet' }, hint));
}
