// The schedules laid over the one being edited: names, colours, dashes, and a way back into the editor.

import { swatch, styleOf } from '../chart_look.js';
import { announce, h, put } from '../dom.js';
import { scheduleName } from '../format.js';
import { said } from '../notices.js';
import { inSchedule } from './preview.js';

const MOST = 19;

export class Comparison {
  entries = [];
  curves = [];
  #notes = [];
  #list = h('ul', { class: 'compared' });
  element = h('section', { class: 'card', 'aria-label': 'Comparison', hidden: true }, h('h2', {}, 'Comparison'), this.#list);

  constructor({ onChange, onEdit }) {
    this.onChange = onChange;
    this.onEdit = onEdit;
  }

  /** Take the entries of a link. */
  restore(entries) {
    this.entries = entries.slice(0, MOST).map(({ label, schedule }) => ({ label: String(label ?? 'schedule').slice(0, 80), schedule }));
    this.#draw();
  }

  /** Add a copy of `entry`; a name that is taken gets a number. */
  add({ label, schedule }) {
    if (this.entries.length >= MOST) { announce(`${MOST} schedules fit on one chart`); return; }
    const taken = new Set(this.entries.map((one) => one.label));
    let name = label;
    for (let number = 2; taken.has(name); number += 1) name = `${label} ${number}`;
    announce(`${name} added to the comparison`);
    this.#set([...this.entries, { label: name, schedule: structuredClone(schedule) }]);
  }

  /** Take what the server says of each entry: its curve, or why it is refused. */
  told(found) {
    this.curves = found.map((one) => (one && one.steps ? one : null));
    // The rows stay: someone may be typing a name.
    found.forEach((answer, at) => put(this.#notes[at], notes(answer)));
  }

  #set(entries) {
    this.entries = entries;
    this.curves = entries.map(() => null);
    this.#draw();
    this.onChange();
  }

  #draw() {
    this.element.hidden = this.entries.length === 0;
    this.#notes = this.entries.map(() => h('div', { class: 'trouble' }));
    put(this.#list, this.entries.map((entry, at) => this.#row(entry, at)));
  }

  #row(entry, at) {
    const rename = h('input', { type: 'text', maxlength: '80', value: entry.label, 'aria-label': `Name of schedule ${at + 1}`, onchange: () => this.#set(this.entries.with(at, { ...entry, label: rename.value.trim() || entry.label })) });
    const remove = () => { announce(`${entry.label} removed`); this.#set(this.entries.toSpliced(at, 1)); };
    return h('li', {}, swatch(styleOf(at + 1)), rename, h('span', { class: 'quiet' }, scheduleName(entry.schedule)),
      h('span', { class: 'actions push' }, h('button', { type: 'button', class: 'small', 'aria-label': `Edit ${entry.label}`, onclick: () => this.onEdit(entry) }, 'Edit'), h('button', { type: 'button', class: 'small', 'aria-label': `Remove ${entry.label}`, onclick: remove }, 'Remove')), this.#notes[at]);
  }
}

/** Return what the server says of an entry: why it is refused, or what it is warned of. */
function notes(answer) {
  const refused = answer && !answer.steps ? h('small', { class: 'wrong' }, h('span', {}, said('Refused', inSchedule(answer)[0] ?? answer))) : null;
  const warned = answer?.warnings?.length ? h('small', { class: 'wrong', 'data-tone': 'warn' }, `Warning: ${answer.warnings.map((one) => one.message).join('; ')}`) : null;
  return [refused, warned];
}
