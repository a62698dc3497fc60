// Going on from a checkpoint of a job under another schedule: a cool-down, for instance.

import { get, post } from '../api.js';
import { announce, freshId, h, put } from '../dom.js';
import { lastPlayground } from '../draft.js';
import { ago, integer } from '../format.js';
import { errorBox } from '../notices.js';
import { written } from '../playground/editor.js';

const PUBLISHING = [['', 'as its parent does'], ['never', 'never']];

/** A dialog over the page of the job at `base`. */
export class ForkDialog {
  #answer = h('div');
  #plans = [];

  constructor(base) {
    this.base = base;
    this.checkpoint = h('select', { id: freshId('checkpoint') });
    this.plan = h('select', { id: freshId('plan'), onchange: () => this.#planned() });
    this.amount = h('input', { type: 'text', inputmode: 'decimal', id: freshId('steps'), size: '6', autocomplete: 'off', placeholder: 'what is left' });
    this.unit = h('select', { 'aria-label': 'unit' }, h('option', { value: 'ep' }, 'epochs'), h('option', { value: 'st' }, 'steps'));
    this.model = h('input', { type: 'text', id: freshId('model'), autocomplete: 'off', placeholder: 'the parent’s' });
    this.publish = h('select', { id: freshId('publish') }, PUBLISHING.map(([value, words]) => h('option', { value }, words)));
    this.json = h('textarea', { class: 'mono json', rows: '12', spellcheck: 'false', 'aria-label': 'The schedule as JSON' });
    this.submit = h('button', { type: 'submit', class: 'main' }, 'Fork');
    this.element = this.#dialog();
  }

  #dialog() {
    const title = freshId('fork');
    return h('dialog', { class: 'fork', 'aria-labelledby': title }, h('form', { class: 'stack', onsubmit: (event) => { event.preventDefault(); this.#fork(); } },
      h('h2', { id: title }, 'Train on from a checkpoint'),
      h('p', { class: 'quiet' }, 'A fork is a job of its own: data, net, optimizer and seed are its parent’s, and its steps count on from the checkpoint. Shares of the schedule are of the steps that are left.'),
      h('div', { class: 'fields-grid' }, one('Checkpoint', this.checkpoint), h('p', { class: 'field' }, h('label', { for: this.amount.id }, 'Train for'), h('span', { class: 'joined' }, this.amount, this.unit)),
        one('Schedule', this.plan), one('Model', this.model), one('Publish', this.publish)),
      this.json, this.#answer,
      h('p', { class: 'actions' }, this.submit, h('button', { type: 'button', onclick: () => this.element.close() }, 'Close'))));
  }

  /** Open the dialog for `job`. */
  async open(job) {
    put(this.#answer);
    this.#offer(job);
    this.element.showModal();
    try {
      const { data } = await get(`${this.base}/checkpoints`);
      put(this.checkpoint, data.map((one) => h('option', { value: one.id }, `step ${integer(one.step)}${one.best ? ', best' : ''}${one.last ? ', newest' : ''} · ${ago(one.created_at)}`)));
      this.submit.disabled = data.length === 0;
      if (!data.length) put(this.#answer, h('p', {}, 'This job has no checkpoint yet: fork it when it has.'));
    } catch (error) {
      put(this.#answer, errorBox(error));
    }
  }

  #offer(job) {
    const draft = lastPlayground()?.draft;
    this.#plans = [
      { title: 'Cool down to 0 from the rate there', schedule: { phases: [{ name: 'linear', duration: 'rest', lr: 'previous', start_factor: 1, end_factor: 0 }] } },
      { title: 'Hold the rate there', schedule: { phases: [{ name: 'constant', duration: 'rest', lr: 'previous' }] } },
      ...(draft ? [{ title: `From the playground: ${draft.label}`, schedule: draft.schedule }] : []),
      { title: 'The parent’s own', schedule: null },
    ];
    put(this.plan, this.#plans.map((plan, at) => h('option', { value: at }, plan.title)));
    this.#planned();
  }

  #planned() {
    const { schedule } = this.#plans[Number(this.plan.value)];
    this.json.hidden = schedule === null;
    if (schedule) this.json.value = written(schedule);
  }

  #body() {
    const amount = this.amount.value.trim();
    const own = this.json.hidden ? {} : { schedule: JSON.parse(this.json.value) };
    return { checkpoint: this.checkpoint.value, ...own, ...(amount ? { steps: `${amount}${this.unit.value}` } : {}), ...(this.model.value.trim() ? { model: this.model.value.trim() } : {}), ...(this.publish.value ? { publish: this.publish.value } : {}) };
  }

  async #fork() {
    this.submit.disabled = true;
    try {
      const child = await post(`${this.base}/fork`, this.#body());
      this.element.close();
      announce('The fork is queued');
      location.hash = `#/jobs/${encodeURIComponent(child.id)}`;
    } catch (error) {
      put(this.#answer, error instanceof SyntaxError ? errorBox({ message: `The schedule is not JSON yet: ${error.message}` }) : errorBox(error));
    }
    this.submit.disabled = false;
  }
}

function one(text, input) {
  return h('p', { class: 'field' }, h('label', { for: input.id }, text), input);
}
