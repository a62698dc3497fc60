// The schedule playground: edit a schedule as a form or as JSON, see its curve at once, lay others over it, train with it.

import { get } from '../api.js';
import { announce, h, put } from '../dom.js';
import { forgetPlayground, keepPlayground, lastPlayground } from '../draft.js';
import { Trouble } from '../notices.js';
import { packed, unpacked } from '../route.js';
import { CataloguePanel } from './catalogue.js';
import { Comparison } from './comparison.js';
import { Editor } from './editor.js';
import { listed } from './form.js';
import { Launch } from './launch.js';
import { Picture } from './picture.js';
import { Previewer, inSchedule, previewAll } from './preview.js';
import { RunLength } from './run_length.js';

const FIRST = { base_lr: 0.005, phases: [{ name: 'linear', duration: '5%', start_factor: 0.1 }, { name: 'cosine', duration: 'rest' }] };

/** Show the playground in `root`; `query.state` carries schedules that a link brought along. */
export function showPlayground(root, { query, signal }) {
  const trouble = new Trouble();
  put(root, h('div', { class: 'head' }, h('h1', {}, 'Schedules'), h('p', { class: 'quiet' }, 'The preview is computed by the code that trains.')), trouble.element);
  get('/v1/lr_schedules', { signal }).then(({ data }) => new Playground(root, { entries: data, query, signal, trouble }).start(), (error) => { if (!signal.aborted) trouble.asked(error); });
}

class Playground {
  #draft = { label: 'draft', schedule: FIRST };
  #curve = null;

  constructor(root, { entries, query, signal, trouble }) {
    this.signal = signal;
    this.trouble = trouble;
    this.catalogue = new Map(entries.map((entry) => [entry.name, entry]));
    this.run = new RunLength({ signal, onChange: () => this.#runChanged() });
    this.editor = new Editor(this.catalogue, (schedule) => this.#edited(schedule));
    this.comparison = new Comparison({ onChange: () => this.#compared(), onEdit: (entry) => this.#take(entry) });
    this.picture = new Picture({ signal });
    this.launch = new Launch({ signal, trouble, schedule: () => this.#draft, others: () => this.comparison.entries, chosen: query.job ?? '' });
    this.panel = new CataloguePanel(entries, { signal, onUse: (entry) => this.#take({ label: entry.name, schedule: listed(entry.example) }), onAdd: (entry) => this.#addPhase(entry) });
    this.previewer = new Previewer({ signal, onCurve: (curve) => this.#previewed(curve), onRefused: (error) => this.#refused(error) });
    this.#restore(query.state);
    this.#layout(root);
  }

  start() {
    this.editor.show(this.#draft.schedule);
    this.#askDraft();
    this.#askOthers();
  }

  #layout(root) {
    this.label = h('input', { id: 'draft-label', type: 'text', maxlength: '80', autocomplete: 'off', value: this.#draft.label, oninput: () => { this.#draft = { ...this.#draft, label: this.label.value.trim() || 'draft' }; this.#draw(); this.#remember(); } });
    const name = h('p', { class: 'field grow' }, h('label', { for: 'draft-label' }, 'Name of this schedule'), this.label);
    const actions = h('p', { class: 'actions' }, h('button', { type: 'button', class: 'main', onclick: () => this.comparison.add(this.#draft) }, 'Add to comparison'),
      h('button', { type: 'button', onclick: () => this.#copyLink() }, 'Copy link'), h('button', { type: 'button', onclick: () => this.#startOver() }, 'Start over'));
    root.append(h('div', { class: 'play-grid' },
      h('section', { class: 'play-view', 'aria-label': 'Preview' }, this.run.element, this.picture.element, actions),
      h('section', { class: 'card play-edit', 'aria-label': 'Schedule' }, name, this.editor.element),
      h('section', { class: 'play-more', 'aria-label': 'Figures and comparison' }, this.comparison.element, this.picture.figures, this.launch.element)), this.panel.element);
  }

  #restore(text) {
    const state = text ? unpacked(text) : lastPlayground();
    if (text && !state) this.trouble.acted({ status: null, message: 'The link’s schedule cannot be read; it may have been cut off. This is the usual first schedule.' });
    if (state?.run) this.run.set(state.run);
    if (state?.draft?.schedule) this.#draft = { label: String(state.draft.label ?? 'draft'), schedule: state.draft.schedule };
    if (Array.isArray(state?.others)) this.comparison.restore(state.others.filter((one) => one?.schedule));
  }

  /** Keep the whole state in the address, so that reloading and sharing bring it back. */
  #remember() {
    const state = { run: this.run.value, draft: this.#draft, others: this.comparison.entries };
    keepPlayground(state);
    history.replaceState(null, '', `#/schedules?state=${packed(state)}`);
  }

  async #copyLink() {
    this.#remember();
    try {
      await navigator.clipboard.writeText(location.href);
      announce('Link copied');
      this.launch.say('The link is copied. It carries the schedules, not your key.');
    } catch {
      this.launch.say('The browser keeps pages from copying; the link stands in the address bar.');
    }
  }

  #startOver() {
    forgetPlayground();
    history.replaceState(null, '', '#/schedules');
    dispatchEvent(new HashChangeEvent('hashchange'));
  }

  #take({ label, schedule }) {
    this.#draft = { label, schedule };
    this.label.value = label;
    this.editor.show(schedule);
    this.#edited(schedule);
    announce(`${label} is being edited`);
    scrollTo({ top: 0 });
  }

  #addPhase(entry) {
    this.editor.addPhase(entry);
    scrollTo({ top: 0 });
  }

  #edited(schedule) {
    this.#draft = { ...this.#draft, schedule };
    this.#askDraft();
    this.#remember();
  }

  #runChanged() {
    this.#askDraft();
    this.#askOthers();
    this.#remember();
  }

  #compared() {
    this.#askOthers();
    this.#remember();
  }

  #askDraft() {
    this.previewer.askSoon(this.#draft, this.run.value);
  }

  async #askOthers() {
    const { entries } = this.comparison;
    try {
      const found = entries.length ? await previewAll(entries, this.run.value, { signal: this.signal }) : [];
      if (entries !== this.comparison.entries) return;
      this.comparison.told(found);
      this.#draw();
    } catch (error) {
      if (!this.signal.aborted) this.trouble.acted(error);
    }
  }

  #previewed(curve) {
    this.#curve = curve;
    this.trouble.acted(null);
    this.run.mark([]);
    this.editor.mark(curve.warnings.map(({ loc, message }) => ({ loc: loc.slice(3), message, tone: 'warn' })));
    this.picture.refused(false);
    this.#draw();
  }

  #refused(error) {
    if (error.status !== 422) { this.trouble.acted(error); return; }
    const findings = inSchedule(error);
    this.run.mark(findings.filter((finding) => finding.outside));
    this.editor.mark(findings.filter((finding) => !finding.outside));
    this.picture.refused(true);
  }

  #draw() {
    const lines = [this.#curve ? { ...this.#curve, label: this.#draft.label } : null, ...this.comparison.curves];
    this.picture.draw(lines, this.run.value);
  }
}
