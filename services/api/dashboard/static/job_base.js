// What a new training starts from: the spec of a job there is, or of a sample; its commonest fields as a form, all of it as JSON.

import { get } from './api.js';
import { freshId, h, put } from './dom.js';
import { shortId } from './format.js';
import { specOf } from './job_schedule.js';
import { read } from './playground/fields.js';
import { written } from './playground/editor.js';
import { SAMPLES, fits } from './samples.js';

const NUMBERS = [['epochs', 'Epochs'], ['batch_size', 'Batch size'], ['seed', 'Seed']];

/**
 * A form for a job spec without the fields named in `without` (the schedule, for instance). It starts from the job or range
 * test `chosen`, else from the newest job; `onTaken(job)` hears of each start, without a job where it is from a sample.
 */
export class JobBase {
  #spec = null;
  #jobs = [];
  #datasets = [];

  constructor({ signal, trouble, without = ['schedule'], onTaken = () => {}, chosen = '' }) {
    this.without = without;
    this.onTaken = onTaken;
    this.trouble = trouble;
    this.source = h('select', { id: freshId('source'), onchange: () => this.#taken(this.source.value, signal) });
    this.model = h('input', { type: 'text', id: freshId('model'), autocomplete: 'off', oninput: () => this.#put('model', this.model.value) });
    this.dataset = h('select', { id: freshId('dataset'), onchange: () => this.#put('dataset', this.dataset.value) });
    this.numbers = Object.fromEntries(NUMBERS.filter(([name]) => !without.includes(name)).map(([name]) => [name, h('input', { type: 'text', inputmode: 'numeric', id: freshId(name), oninput: () => this.#put(name, read(this.numbers[name].value)) })]));
    this.json = h('textarea', { class: 'mono json', rows: '14', spellcheck: 'false', 'aria-label': 'The rest of the job spec as JSON', oninput: () => this.#fromText() });
    this.unread = h('p', { class: 'wrong', role: 'alert', hidden: true });
    this.element = h('div', { class: 'stack job-base' }, h('div', { class: 'fields-grid' }, one('Start from', this.source), one('Model', this.model), one('Data set', this.dataset),
      NUMBERS.filter(([name]) => name in this.numbers).map(([name, title]) => one(title, this.numbers[name]))),
    h('details', {}, h('summary', {}, 'The whole job spec as JSON'), h('div', { class: 'stack' }, h('p', { class: 'quiet' }, `Without ${without.join(' and ')}: that comes from this page.`), this.json, this.unread)));
    this.#load(signal, chosen).catch((error) => { if (!signal.aborted) trouble.acted(error); });
  }

  /** Return the spec; null while the JSON cannot be read. */
  get spec() {
    return this.unread.hidden ? this.#spec : null;
  }

  async #load(signal, chosen) {
    const [jobs, datasets] = await Promise.all([get('/v1/training_jobs?limit=50', { signal }), get('/v1/datasets?limit=100', { signal })]);
    this.#jobs = jobs.data.filter((job) => job.spec?.net);
    this.#datasets = datasets.data.filter((dataset) => dataset.status === 'ready');
    if (chosen) await this.#find(chosen, signal);
    put(this.source, h('optgroup', { label: 'Jobs there are' }, this.#jobs.map((job) => h('option', { value: job.id }, `${isRangeTest(job.id) ? 'range test · ' : ''}${job.spec.model} · ${job.spec.net.name} · ${shortId(job.id)}`))),
      h('optgroup', { label: 'Samples' }, SAMPLES.map((sample) => this.#sampleOption(sample))));
    this.source.value = this.#jobs.find((job) => job.id === chosen)?.id ?? this.#jobs[0]?.id ?? this.#fitting();
    await this.#take(this.source.value, signal);
  }

  /** Have what the address names among the jobs to start from; what is not there is said, and another taken. */
  async #find(id, signal) {
    if (this.#jobs.some((job) => job.id === id)) return;
    try {
      this.#jobs.unshift(await named(id, signal));
    } catch (error) {
      if (error.status !== 404) throw error;
      this.trouble.acted({ status: 404, message: `The ${isRangeTest(id) ? 'range test' : 'job'} that the address names: ${error.message}. The form starts from another.` });
    }
  }

  /** A sample is of no use to data that lack its columns; where there are no data of its kind yet it shows what they are for. */
  #sampleOption(sample) {
    const lacking = !this.#datasetOf(sample) && this.#datasets.some((dataset) => dataset.kind === sample.kind);
    return h('option', { value: sample.id, disabled: lacking }, sample.title, lacking ? ' (no data set has its columns)' : '');
  }

  /** The newest data set that a sample's job can be run on. */
  #datasetOf(sample) {
    return this.#datasets.find((dataset) => fits(sample, dataset));
  }

  #fitting() {
    return (SAMPLES.find((sample) => this.#datasetOf(sample)) ?? SAMPLES[0]).id;
  }

  #taken(id, signal) {
    this.#take(id, signal).catch((error) => { if (!signal.aborted) this.trouble.acted(error); });
  }

  async #take(id, signal) {
    const job = this.#jobs.find((one) => one.id === id);
    const sample = SAMPLES.find((one) => one.id === id);
    const spec = job ? await specOf(job, signal) : { model: sample.spec.model, dataset: this.#datasetOf(sample)?.id ?? '', ...sample.spec };
    if (this.source.value !== id) return; // another was chosen meanwhile
    this.#spec = Object.fromEntries(Object.entries(spec).filter(([name]) => !this.without.includes(name)));
    this.#show(job);
  }

  #show(job) {
    const known = this.#datasets.some((one) => one.id === this.#spec.dataset);
    put(this.dataset, known || !this.#spec.dataset ? null : h('option', { value: this.#spec.dataset }, shortId(this.#spec.dataset)), this.#datasets.map((one) => h('option', { value: one.id }, `${one.name} (${one.kind})`)),
      this.#spec.dataset ? null : h('option', { value: '' }, this.#datasets.length ? 'choose one' : 'no data set is ready yet'));
    this.#fields();
    this.json.value = written(this.#spec);
    this.unread.hidden = true;
    this.job = job;
    this.onTaken(job);
  }

  #fields() {
    this.model.value = this.#spec.model ?? '';
    this.dataset.value = this.#spec.dataset ?? '';
    for (const [name, input] of Object.entries(this.numbers)) input.value = this.#spec[name] ?? '';
  }

  #put(name, value) {
    this.#spec = { ...this.#spec, [name]: value };
    this.json.value = written(this.#spec);
  }

  #fromText() {
    try {
      this.#spec = JSON.parse(this.json.value);
      this.unread.hidden = true;
      this.#fields();
    } catch (error) {
      put(this.unread, `This is not JSON yet: ${error.message}`);
      this.unread.hidden = false;
    }
  }
}

function isRangeTest(id) {
  return id.startsWith('lrt_');
}

/** Return the job `id`, or as if it were one the training whose rates the range test `id` tried. */
async function named(id, signal) {
  if (!isRangeTest(id)) return get(`/v1/training_jobs/${encodeURIComponent(id)}`, { signal });
  const { spec } = await get(`/v1/lr_range_tests/${encodeURIComponent(id)}`, { signal });
  return { id, spec: spec.job };
}

function one(text, input) {
  return h('p', { class: 'field' }, h('label', { for: input.id }, text), input);
}
