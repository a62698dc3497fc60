// How long the run is that schedules are laid over: its steps and those of an epoch (null without epochs), typed or taken from a job.

import { get } from '../api.js';
import { freshId, h, put } from '../dom.js';
import { integer, shortId } from '../format.js';

export class RunLength {
  value = { total_steps: 1000, steps_per_epoch: 50 };
  #jobs = [];

  constructor({ signal, onChange }) {
    this.onChange = onChange;
    this.total = h('input', { type: 'number', min: '1', max: '1000000', required: true, id: freshId('total'), value: 1000 });
    this.epoch = h('input', { type: 'number', min: '1', max: '1000000', placeholder: 'none', id: freshId('epoch'), value: 50 });
    this.picker = h('select', { id: freshId('as'), onchange: () => this.#asIn() }, h('option', { value: '' }, 'typed here'));
    this.wrong = h('small', { class: 'wrong', role: 'alert', hidden: true });
    for (const input of [this.total, this.epoch]) input.addEventListener('input', () => { this.picker.value = ''; this.#changed(); });
    this.epochs = h('span', { class: 'quiet num' });
    this.element = h('div', { class: 'run-length' }, one('Total steps', this.total), one('Steps per epoch', this.epoch), one('As in job', this.picker), this.epochs, this.wrong);
    this.#sum();
    get('/v1/training_jobs?limit=30', { signal }).then(({ data }) => this.#offer(data.filter((job) => job.total_steps > 0)), () => {});
  }

  /** Set both numbers without telling anyone. */
  set({ total_steps: total, steps_per_epoch: epoch }) {
    this.value = { total_steps: Number(total) || 1000, steps_per_epoch: Number(epoch) || null };
    this.total.value = this.value.total_steps;
    this.epoch.value = this.value.steps_per_epoch ?? '';
    this.#sum();
  }

  /** Show what the server says of these numbers. */
  mark(findings) {
    this.wrong.hidden = findings.length === 0;
    put(this.wrong, findings.map(({ loc, message }) => h('span', {}, `${loc.join(' › ').replaceAll('_', ' ')}: ${message}`)));
  }

  #changed() {
    this.value = { total_steps: Number(this.total.value), steps_per_epoch: this.epoch.value === '' ? null : Number(this.epoch.value) };
    this.#sum();
    this.onChange();
  }

  #sum() {
    const { total_steps: total, steps_per_epoch: epoch } = this.value;
    put(this.epochs, epoch > 0 && total > 0 ? `= ${(total / epoch).toLocaleString('en-US', { maximumFractionDigits: 2 })} epochs` : '');
  }

  #offer(jobs) {
    this.#jobs = jobs;
    this.picker.append(...jobs.map((job) => h('option', { value: job.id }, `${job.model ?? job.kind} ${shortId(job.id)} (${integer(job.total_steps)} steps)`)));
  }

  #asIn() {
    const job = this.#jobs.find(({ id }) => id === this.picker.value);
    if (!job) return;
    this.set(job);
    this.onChange();
  }
}

function one(text, input) {
  return h('p', { class: 'field' }, h('label', { for: input.id }, text), input);
}
