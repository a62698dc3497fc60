// A schedule as a form: the base rate, the phases one after another, what listens to the training, factors of groups.

import { announce, freshId, h, put } from '../dom.js';
import { said } from '../notices.js';
import { changed, field, fieldsOf, read } from './fields.js';

const GROUPS = ['embeddings', 'body', 'head'];

/** The form of one schedule; `onChange(schedule)` hears of every edit. `catalogue` maps names to their entries. */
export class ScheduleForm {
  #schedule = { base_lr: 0.001, phases: [] };
  element = h('div', { class: 'schedule-form' });

  constructor(catalogue, onChange) {
    this.catalogue = catalogue;
    this.onChange = onChange;
  }

  /** Show another schedule. */
  show(schedule) {
    this.#schedule = schedule;
    this.#draw();
  }

  /** Put each finding at the field it names; returns those that name none. */
  mark(findings) {
    for (const element of this.element.querySelectorAll('[data-path]')) unmark(element);
    return findings.filter(({ loc, message, tone }) => !this.#markOne(loc, message, tone));
  }

  #markOne(loc, message, tone) {
    for (let length = loc.length; length > 0; length -= 1) {
      const element = this.element.querySelector(`[data-path="${CSS.escape(JSON.stringify(loc.slice(0, length)))}"]`);
      if (!element) continue;
      const caught = element.querySelector(':scope > .wrong');
      caught.hidden = false;
      caught.dataset.tone = tone;
      caught.append(h('span', {}, said(tone === 'warn' ? 'Warning' : 'Refused', { loc: loc.slice(length), message })));
      if (tone !== 'warn') element.querySelector('input, select')?.setAttribute('aria-invalid', 'true');
      return true;
    }
    return false;
  }

  #change(next) {
    this.#schedule = next;
    this.onChange(next);
  }

  #draw() {
    const { base_lr: base, phases = [] } = this.#schedule;
    put(this.element,
      field({ name: 'base_lr', schema: { type: 'number' }, defs: {}, value: base, path: ['base_lr'], note: 'The rate that phases work from unless they name another.',
        change: (value) => this.#change(changed(this.#schedule, 'base_lr', value)) }).element,
      h('div', { class: 'head', 'data-path': '["phases"]' }, h('h3', {}, 'Phases'), h('small', { class: 'wrong', hidden: true })),
      h('ol', { class: 'phases' }, phases.map((phase, at) => this.#phase(phase, at, phases.length))),
      this.#adder(), this.#feedback(), this.#groups());
  }

  #setPhase(at, phase) {
    this.#change({ ...this.#schedule, phases: this.#schedule.phases.with(at, phase) });
  }

  #redrawn(next, words, focus) {
    this.#change(next);
    this.#draw();
    announce(words);
    this.element.querySelector(focus)?.focus();
  }

  #phase(phase, at, count) {
    const entry = this.catalogue.get(phase?.name);
    const fields = h('div', { class: 'fields-grid' });
    if (entry) put(fields, this.#phaseFields(phase, at, entry));
    return h('li', { class: 'phase', 'data-path': JSON.stringify(['phases', at]) },
      h('div', { class: 'head' }, this.#kindPicker(phase, at), this.#phaseButtons(at, count)),
      h('small', { class: 'wrong', hidden: true }),
      entry ? h('p', { class: 'quiet purpose' }, entry.purpose, ' ', h('code', {}, entry.formula)) : h('p', { class: 'quiet' }, 'No schedule has this name.'), fields);
  }

  #phaseFields(phase, at, { json_schema: schema }) {
    // The newest values are read when an edit comes: another field may have changed since this was drawn.
    const edit = (name) => (value) => this.#setPhase(at, changed(this.#schedule.phases[at], name, value));
    return fieldsOf({ schema, values: phase, path: ['phases', at], edit });
  }

  #kindPicker(phase, at) {
    const names = [...this.catalogue.values()].filter((entry) => entry.kind === 'phase').map((entry) => entry.name);
    const picker = h('select', { id: freshId('kind'), class: 'kind' }, names.includes(phase?.name) ? null : h('option', { value: '', selected: true }, phase?.name ?? '–'), names.map((name) => h('option', { value: name, selected: name === phase?.name }, name)));
    picker.addEventListener('change', () => {
      const next = phaseLike(this.catalogue.get(picker.value), this.#schedule.phases[at]);
      this.#redrawn({ ...this.#schedule, phases: this.#schedule.phases.with(at, next) }, `Phase ${at + 1} is ${picker.value} now`, `li.phase:nth-of-type(${at + 1}) select.kind`);
    });
    return [h('label', { for: picker.id }, `${at + 1}.`, h('span', { class: 'visually-hidden' }, ' kind of the phase')), picker];
  }

  #phaseButtons(at, count) {
    const swap = (other) => {
      const { phases } = this.#schedule;
      const next = phases.with(at, phases[other]).with(other, phases[at]);
      this.#redrawn({ ...this.#schedule, phases: next }, `Phase ${at + 1} is number ${other + 1} now`, `li.phase:nth-of-type(${other + 1}) select.kind`);
    };
    const remove = () => this.#redrawn({ ...this.#schedule, phases: this.#schedule.phases.toSpliced(at, 1) }, `Phase ${at + 1} removed`, '.adder select');
    const button = (sign, words, act, disabled) => h('button', { type: 'button', class: 'small', 'aria-label': `${words} phase ${at + 1}`, title: words, disabled, onclick: act }, sign);
    return h('span', { class: 'actions push' }, button('↑', 'Move up', () => swap(at - 1), at === 0), button('↓', 'Move down', () => swap(at + 1), at === count - 1), button('✕', 'Remove', remove, count === 1));
  }

  #adder() {
    const names = [...this.catalogue.values()].filter((entry) => entry.kind === 'phase').map((entry) => entry.name);
    const picker = h('select', { 'aria-label': 'Kind of the new phase' }, names.map((name) => h('option', { value: name }, name)));
    return h('p', { class: 'adder actions' }, picker, h('button', { type: 'button', class: 'small', onclick: () => this.add(this.catalogue.get(picker.value)) }, 'Add phase'));
  }

  /** Add a phase of this kind at the end; one that took the rest before takes half of the run now. */
  add(entry) {
    const before = this.#schedule.phases.map((phase) => (phase.duration === 'rest' ? { ...phase, duration: '50%' } : phase));
    const phases = [...before, { ...phaseLike(entry), duration: 'rest' }];
    this.#redrawn({ ...this.#schedule, phases }, `${entry.name} added as phase ${phases.length}`, `li.phase:nth-of-type(${phases.length}) select.kind`);
  }

  #feedback() {
    const entries = [...this.catalogue.values()].filter((entry) => entry.example?.feedback?.name === entry.name);
    if (!entries.length) return null;
    const { feedback } = this.#schedule;
    const picker = h('select', { id: freshId('feedback') }, [['', 'none'], ...entries.map((entry) => [entry.name, entry.name])].map(([value, word]) => h('option', { value, selected: value === (feedback?.name ?? '') }, word)));
    picker.addEventListener('change', () => this.#redrawn(changed(this.#schedule, 'feedback', feedbackLike(this.catalogue.get(picker.value))), `Feedback ${picker.value || 'none'}`, `#${picker.id}`));
    const entry = this.catalogue.get(feedback?.name);
    const edit = (name) => (value) => this.#change({ ...this.#schedule, feedback: changed(this.#schedule.feedback, name, value) });
    return h('section', { class: 'feedback', 'data-path': '["feedback"]' }, h('div', { class: 'head' }, h('label', { for: picker.id }, 'Feedback'), picker), h('small', { class: 'wrong', hidden: true }),
      entry ? h('p', { class: 'quiet purpose' }, entry.purpose, ' The preview cannot know what the training will say, so it shows the plan without it.') : null,
      h('div', { class: 'fields-grid' }, entry ? fieldsOf({ schema: entry.json_schema, values: feedback, path: ['feedback'], edit }) : null));
  }

  #groups() {
    const groups = Object.entries(this.#schedule.groups ?? {});
    const set = (next) => changed(this.#schedule, 'groups', Object.keys(next).length ? next : undefined);
    const row = ([name, { lr_mult: factor }]) => h('div', { class: 'field', 'data-path': JSON.stringify(['groups', name]) }, h('label', { for: `group-${name}` }, name),
      h('span', { class: 'joined' }, h('input', { id: `group-${name}`, type: 'text', inputmode: 'decimal', value: factor ?? 1, oninput: (event) => this.#change(set({ ...this.#schedule.groups, [name]: { lr_mult: read(event.target.value) } })) }),
        h('button', { type: 'button', class: 'small plain', 'aria-label': `Remove the factor of ${name}`, onclick: () => this.#redrawn(set(Object.fromEntries(groups.filter(([other]) => other !== name))), `${name} removed`, '.groups summary') }, '✕')),
      h('small', { class: 'wrong', hidden: true }));
    const left = GROUPS.filter((name) => !(name in (this.#schedule.groups ?? {})));
    const add = (name) => this.#redrawn(set({ ...this.#schedule.groups, [name]: { lr_mult: 1 } }), `${name} added`, `#group-${name}`);
    return h('details', { class: 'groups', open: groups.length > 0, 'data-path': '["groups"]' }, h('summary', {}, 'Factors for groups of parameters'), h('small', { class: 'wrong', hidden: true }),
      h('div', { class: 'fields-grid' }, groups.map(row)), h('p', { class: 'actions' }, left.map((name) => h('button', { type: 'button', class: 'small', onclick: () => add(name) }, `Add ${name}`))));
  }
}

function unmark(element) {
  const caught = element.querySelector(':scope > .wrong');
  if (caught) { put(caught); caught.hidden = true; }
  for (const input of element.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
}

/** Return a phase of the kind `entry` with the values of its example; what the phase before it had in common stays. */
function phaseLike(entry, before = {}) {
  const known = Object.keys(entry.json_schema.properties);
  const own = phaseOf(entry);
  const kept = Object.fromEntries(['duration', 'lr', 'eta_min'].filter((name) => known.includes(name) && before[name] !== undefined).map((name) => [name, before[name]]));
  return { duration: 'rest', ...own, ...kept, name: entry.name };
}

function feedbackLike(entry) {
  if (!entry) return undefined;
  const example = entry.example.feedback ?? entry.example;
  return example.name === entry.name ? example : { name: entry.name };
}

const OF_THE_WHOLE = ['base_lr', 'phases', 'groups', 'feedback'];

/** Return a schedule in its list form, whether or not it was written as one phase. */
export function listed(schedule) {
  if (!schedule || typeof schedule !== 'object' || Array.isArray(schedule)) return { phases: [] };
  if (Array.isArray(schedule.phases)) return schedule;
  const whole = Object.fromEntries(Object.entries(schedule).filter(([name]) => OF_THE_WHOLE.includes(name) && name !== 'phases'));
  const phase = Object.fromEntries(Object.entries(schedule).filter(([name]) => !OF_THE_WHOLE.includes(name)));
  return { ...whole, phases: 'name' in phase ? [{ name: phase.name, duration: 'rest', ...phase }] : [] };
}

/** Return a place in a schedule as it is in its list form, whether or not it was written as one phase. */
export function listedPlace(loc, schedule) {
  const short = schedule && typeof schedule === 'object' && 'name' in schedule && !('phases' in schedule);
  return short && loc.length && !OF_THE_WHOLE.includes(loc[0]) ? ['phases', 0, ...loc] : loc;
}

/** Return the phase of an entry's example that the entry is about. */
function phaseOf({ name, example }) {
  const { duration, ...own } = listed(example).phases.find((phase) => phase.name === name) ?? {};
  return own;
}
