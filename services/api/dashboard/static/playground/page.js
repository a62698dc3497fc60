// The schedule playground: edit a schedule as a form or as JSON, see its curve at once, lay others over it, train with it.

import { get } from '../api.js';
import { announce, h, put, setAttr } from '../dom.js';
import { forgetPlayground, keepPlayground, lastPlayground } from '../draft.js';
import { scheduleName } from '../format.js';
import { ownSchedule, runOf } from '../job_schedule.js';
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

/**
 * Show the playground in `root`. `query.state` carries schedules that a link brought along; without them it shows the one
 * of `query.job`. A training starts from that job, or from the one whose rates `query.range` tried.
 */
export function showPlayground(root, { query, signal }) {
  const trouble = new Trouble();
  put(root, h('div', { class: 'head' }, h('h1', {}, 'Schedules'), h('p', { class: 'quiet' }, 'The preview is computed by the code that trains.')), trouble.element);
  Promise.all([get('/v1/lr_schedules', { signal }), broughtBy(query, { signal, trouble })]).then(([{ data }, state]) => new Playground(root, { entries: data, query, state, signal, trouble }).start(),
    (error) => { if (!signal.aborted) trouble.asked(error); });
}

/** Return the state that an address brings along; what it names and cannot be had is said, and the last one taken. */
async function broughtBy({ state, job: id }, { signal, trouble }) {
  if (state) {
    const known = unpacked(state);
    if (!known) trouble.acted({ status: null, message: 'The link’s schedule cannot be read; it may have been cut off. This is the usual first schedule.' });
    return known;
  }
  return (id && await stateOf(id, { signal, trouble })) || lastPlayground();
}

async function stateOf(id, { signal, trouble }) {
  try {
    const job = await get(`/v1/training_jobs/${encodeURIComponent(id)}`, { signal });
    const schedule = await ownSchedule(job, signal);
    return { run: runOf(job), draft: { label: scheduleName(schedule), schedule } };
  } catch (error) {
    if (![404, 422].includes(error.status)) throw error;
    trouble.acted({ status: 404, message: `The job that the address names: ${error.message}. Its schedule cannot be shown.` });
    return null;
  }
}

/** Return what an address says of where trainings start from, to be kept in those that follow. */
function originOf(query) {
  return ['job', 'range', 'train'].filter((name) => name in query).map((name) => `&${name}=${encodeURIComponent(query[name])}`).join('');
}

class Playground {
  #draft = { label: 'draft', schedule: FIRST };
  #curve = null;
  #asked = null;
  #wrongRun = { draft: [], others: [] };

  constructor(root, { entries, query, state, signal, trouble }) {
    this.signal = signal;
    this.origin = originOf(query);
    this.trouble = trouble;
    this.catalogue = new Map(entries.map((entry) => [entry.name, entry]));
    this.run = new RunLength({ signal, onChange: () => this.#runChanged() });
    this.editor = new Editor(this.catalogue, (schedule) => this.#edited(schedule));
    this.comparison = new Comparison({ onChange: () => this.#compared(), onEdit: (entry) => this.#take(entry) });
    this.picture = new Picture({ signal });
    this.launch = new Launch({ signal, trouble, schedule: () => this.#draft, others: () => this.comparison.entries, chosen: query.range ?? query.job ?? '', open: 'train' in query });
    this.panel = new CataloguePanel(entries, { signal, onUse: (entry) => this.#take({ label: entry.name, schedule: listed(entry.example) }), onAdd: (entry) => this.#addPhase(entry) });
    this.previewer = new Previewer({ signal, onCurve: (curve) => this.#previewed(curve), onRefused: (error) => this.#refused(error) });
    this.#restore(state);
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
    this.adder = h('button', { type: 'button', class: 'main', onclick: () => this.comparison.add(this.#draft) }, 'Add to comparison');
    const actions = h('p', { class: 'actions' }, this.adder,
      h('button', { type: 'button', onclick: () => this.#copyLink() }, 'Copy link'), h('button', { type: 'button', onclick: () => this.#startOver() }, 'Start over'));
    root.append(h('div', { class: 'play-grid' },
      h('section', { class: 'play-view', 'aria-label': 'Preview' }, this.run.element, this.picture.element, actions),
      h('section', { class: 'card play-edit', 'aria-label': 'Schedule' }, name, this.editor.element),
      h('section', { class: 'play-more', 'aria-label': 'Figures and comparison' }, this.comparison.element, this.picture.figures, this.launch.element)), this.panel.element);
  }

  #restore(state) {
    if (state?.run) this.run.set(state.run);
    if (state?.draft?.schedule) this.#draft = { label: String(state.draft.label ?? 'draft'), schedule: state.draft.schedule };
    if (Array.isArray(state?.others)) this.comparison.restore(state.others.filter((one) => one?.schedule));
  }

  /** Keep the whole state in the address, so that reloading and sharing bring it back. */
  #remember() {
    const state = { run: this.run.value, draft: this.#draft, others: this.comparison.entries };
    keepPlayground(state);
    history.replaceState(null, '', `#/schedules?state=${packed(state)}${this.origin}`);
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
    const run = this.run.value;
    const asked = Symbol('question');
    this.#asked = asked;
    try {
      const found = entries.length ? await previewAll(entries, run, { signal: this.signal }) : [];
      if (asked !== this.#asked) return;  // a later question was answered first, or will be
      this.#markRun({ others: [] });
      this.comparison.told(found);
      this.#draw();
    } catch (error) {
      if (this.signal.aborted || asked !== this.#asked) return;
      if (error.status === 422) this.#markRun({ others: inSchedule(error) });
      else this.trouble.asked(error);
    }
  }

  #previewed(curve) {
    this.#curve = curve;
    this.trouble.asked(null);
    this.#markRun({ draft: [] });
    this.editor.mark(curve.warnings.map(({ loc, message }) => ({ loc: loc.slice(3), message, tone: 'warn' })));
    this.picture.refused(null);
    this.#offer(true);
    this.#draw();
  }

  #refused(error) {
    if (error.status !== 422) { this.trouble.asked(error); return; }
    const findings = inSchedule(error);
    const inside = findings.filter((finding) => !finding.outside);
    this.#markRun({ draft: findings.filter((finding) => finding.outside) });
    this.editor.mark(inside);
    this.picture.refused({ what: inside.length ? 'schedule' : 'run', drawn: this.#curve !== null });
    this.#offer(false);
  }

  /** What is refused has no curve that could be compared. */
  #offer(isDrawn) {
    this.adder.disabled = !isDrawn;
    setAttr(this.adder, 'title', isDrawn ? null : 'What is refused cannot be compared');
  }

  /** The run is asked about with the draft and with the others: what is wrong with it is said once. */
  #markRun(found) {
    this.#wrongRun = { ...this.#wrongRun, ...found };
    const { draft, others } = this.#wrongRun;
    this.run.mark(draft.length ? draft : others);
  }

  #draw() {
    const lines = [this.#curve ? { ...this.#curve, label: this.#draft.label } : null, ...this.comparison.curves];
    this.picture.draw(lines, this.run.value);
  }
}
