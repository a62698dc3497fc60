// Asking for a sweep: one job spec, several schedules, several seeds, and a target if there is one.

import { get, post } from '../api.js';
import { announce, freshId, h, put } from '../dom.js';
import { scheduleName } from '../format.js';
import { JobBase } from '../job_base.js';
import { ownSchedule } from '../job_schedule.js';
import { Trouble, errorBox, said } from '../notices.js';
import { written } from '../playground/editor.js';
import { listed } from '../playground/form.js';
import { unpacked } from '../route.js';

/** Show the form; `query.state` brings schedules along, `query.job` a job whose spec it starts from. */
export function showNewSweep(root, { query, signal }) {
  const trouble = new Trouble();
  put(root, h('p', { class: 'crumbs' }, h('a', { href: '#/sweeps' }, 'Sweeps'), ' / new'), h('div', { class: 'head' }, h('h1', {}, 'Compare schedules')),
    h('p', { class: 'quiet' }, 'Every schedule trains the same job with every seed: equal seeds share initial weights, batches and negatives, so that what is left is the schedule.'), trouble.element);
  get('/v1/lr_schedules', { signal }).then(({ data }) => root.append(new Form({ entries: data, query, signal, trouble }).element), (error) => { if (!signal.aborted) trouble.asked(error); });
}

class Form {
  #arms = [];
  #taken = null;
  #list = h('ol', { class: 'arms' });
  #answer = h('div');

  constructor({ entries, query, signal, trouble }) {
    this.signal = signal;
    this.entries = entries.filter((entry) => entry.kind === 'phase');
    const brought = unpacked(query.state ?? '');
    this.#arms = (brought?.schedules ?? []).filter((one) => one?.schedule).map(({ label, schedule }) => ({ label: String(label), schedule, text: written(schedule) }));
    this.base = new JobBase({ signal, trouble, chosen: query.job ?? '', without: ['schedule', 'seed', 'publish', 'judge'], onTaken: (job) => this.#own(job).catch((error) => { if (!signal.aborted) trouble.acted(error); }) });
    this.seeds = h('input', { type: 'text', id: freshId('seeds'), value: '7, 8, 9', autocomplete: 'off' });
    this.metric = h('input', { type: 'text', id: freshId('metric'), autocomplete: 'off', placeholder: 'ndcg@10' });
    this.value = h('input', { type: 'text', inputmode: 'decimal', id: freshId('value'), autocomplete: 'off', placeholder: 'none' });
    this.submit = h('button', { type: 'submit', class: 'main' }, 'Start the sweep');
    this.count = h('span', { class: 'quiet', role: 'status' });
    this.seeds.addEventListener('input', () => this.#counted());
    this.element = this.#layout();
    this.#draw();
  }

  #layout() {
    const picker = h('select', { 'aria-label': 'Kind of the new schedule' }, this.entries.map((entry) => h('option', { value: entry.name }, entry.name)));
    const add = () => { this.#add(picker.value, this.entries.find((entry) => entry.name === picker.value).example); };
    return h('form', { class: 'stack', onsubmit: (event) => { event.preventDefault(); this.#start(); } },
      h('section', { class: 'card', 'aria-label': 'Job' }, h('h2', {}, 'Job'), this.base.element),
      h('section', { class: 'card', 'aria-label': 'Schedules' }, h('h2', {}, 'Schedules'), this.#list, h('p', { class: 'actions' }, picker, h('button', { type: 'button', class: 'small', onclick: add }, 'Add schedule'),
        h('span', { class: 'quiet' }, 'or draw them in the ', h('a', { href: '#/schedules' }, 'playground'), ', add them to its comparison and sweep from there.'))),
      h('section', { class: 'card', 'aria-label': 'Seeds and target' }, h('div', { class: 'fields-grid' }, one('Seeds', this.seeds, 'Three or more: with one, nothing can be told from noise.'), one('Target metric', this.metric, 'Leave empty for no target.'), one('Target value', this.value, 'How many steps and seconds until a validation reaches it.'))),
      this.#answer, h('p', { class: 'actions' }, this.submit, this.count));
  }

  /** The schedule of the job that the form starts from is the first to compare; untouched, it makes way for that of another. */
  async #own(job) {
    const schedule = job?.spec.schedule ? await ownSchedule(job, this.signal) : null;
    const [first, ...others] = this.#arms;
    const isItsOwn = first && (first !== this.#taken || first.isEdited);
    if (job !== this.base.job || isItsOwn) return;
    this.#arms = others;
    this.#taken = schedule && this.#named(scheduleName(schedule), schedule);
    this.#arms = schedule ? [this.#taken, ...others] : others;
    this.#draw();
  }

  #add(label, schedule) {
    const arm = this.#named(label, schedule);
    this.#arms = [...this.#arms, arm];
    this.#draw();
    announce(`${arm.label} added`);
  }

  /** Return a schedule to compare under a name that no other has. */
  #named(label, schedule) {
    const taken = new Set(this.#arms.map((arm) => arm.label));
    let name = label.slice(0, 76);
    for (let number = 2; taken.has(name); number += 1) name = `${label.slice(0, 76)} ${number}`;
    return { label: name, schedule, text: written(listed(schedule)), isEdited: false };
  }

  #draw() {
    put(this.#list, this.#arms.map((arm, at) => this.#row(arm, at)), this.#arms.length ? null : h('li', { class: 'quiet' }, 'None yet.'));
    this.#counted();
  }

  #row(arm, at) {
    const label = h('input', { type: 'text', maxlength: '80', value: arm.label, 'aria-label': `Name of schedule ${at + 1}`, oninput: () => { arm.label = label.value; arm.isEdited = true; } });
    const wrong = h('small', { class: 'wrong', 'data-arm': at });
    const text = h('textarea', { class: 'mono json short', rows: '6', spellcheck: 'false', 'aria-label': `Schedule ${at + 1} as JSON`, oninput: () => { arm.text = text.value; arm.isEdited = true; } });
    text.value = arm.text;
    return h('li', {}, h('div', { class: 'head' }, label, h('span', { class: 'quiet' }, scheduleName(arm.schedule)), h('button', { type: 'button', class: 'small push', 'aria-label': `Remove ${arm.label}`, onclick: () => { this.#arms = this.#arms.toSpliced(at, 1); this.#draw(); } }, 'Remove')),
      h('details', {}, h('summary', {}, 'JSON'), text), wrong);
  }

  #counted() {
    const seeds = this.#seeds().length;
    put(this.count, `${this.#arms.length} × ${seeds} = ${this.#arms.length * seeds} trainings: schedules × seeds`);
  }

  #seeds() {
    return this.seeds.value.split(/[\s,;]+/).filter(Boolean).map(Number);
  }

  #body() {
    const schedules = this.#arms.map(({ label, text }) => ({ label, schedule: JSON.parse(text) }));
    const { metric, value } = { metric: this.metric.value.trim(), value: this.value.value.trim() };
    return { job: this.base.spec, schedules, seeds: this.#seeds(), ...(metric && value ? { target: { metric, value: Number(value) } } : {}) };
  }

  async #start() {
    if (!this.base.spec) return;
    this.submit.disabled = true;
    for (const wrong of this.element.querySelectorAll('[data-arm]')) put(wrong);
    try {
      const sweep = await post('/v1/sweeps', this.#body());
      announce('The sweep is queued');
      location.hash = `#/sweeps/${encodeURIComponent(sweep.id)}`;
    } catch (error) {
      put(this.#answer, errorBox(error instanceof SyntaxError ? { message: `A schedule is not JSON yet: ${error.message}` } : error));
      this.#mark(error.errors ?? []);
    }
    this.submit.disabled = false;
  }

  /** Put what is wrong with a schedule at the schedule. */
  #mark(findings) {
    for (const { loc = [], message } of findings) {
      if (loc[0] === 'schedules') this.element.querySelector(`[data-arm="${Number(loc[1])}"]`)?.append(h('span', {}, said('Refused', { loc: loc.slice(loc[2] === 'schedule' ? 3 : 2), message })));
    }
  }
}

function one(text, input, hint) {
  return h('p', { class: 'field' }, h('label', { for: input.id }, text), input, h('small', { class: 'quiet' }, hint));
}
