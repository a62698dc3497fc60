// From the playground to a training: one job with the schedule at hand, or a sweep over all that are compared.

import { post } from '../api.js';
import { announce, h, put } from '../dom.js';
import { JobBase } from '../job_base.js';
import { errorBox } from '../notices.js';
import { packed } from '../route.js';

export class Launch {
  #base = null;
  #answer = h('div');
  #said = h('p', { class: 'quiet', role: 'status' });

  /** The form starts from what the link names, the job or range test `chosen`; with `open` it stands open. */
  constructor({ signal, trouble, schedule, others, chosen, open }) {
    this.options = { signal, trouble, chosen };
    this.schedule = schedule;
    this.others = others;
    const place = h('div', { class: 'stack' });
    const start = h('details', { class: 'card', open, ontoggle: () => { if (start.open && !this.#base) put(place, this.#form()); } }, h('summary', {}, 'Start a training with this schedule'), place);
    this.element = h('div', { class: 'stack' }, this.#said, start, h('p', { class: 'actions' }, h('button', { type: 'button', onclick: () => this.#sweep() }, 'Sweep these schedules'),
      h('span', { class: 'quiet' }, 'One job spec under each of them, several seeds, one table.')));
  }

  /** Say something beside the buttons. */
  say(text) {
    put(this.#said, text);
  }

  #form() {
    this.#base = new JobBase({ ...this.options, without: ['schedule'] });
    const button = h('button', { type: 'button', class: 'main', onclick: () => this.#train(button) }, 'Start the training');
    return [this.#base.element, this.#answer, h('p', {}, button)];
  }

  async #train(button) {
    const { spec } = this.#base;
    if (!spec) return;
    button.disabled = true;
    try {
      const job = await post('/v1/training_jobs', { ...spec, schedule: this.schedule().schedule });
      announce('The training is queued');
      location.hash = `#/jobs/${encodeURIComponent(job.id)}`;
    } catch (error) {
      put(this.#answer, errorBox(error));
    }
    button.disabled = false;
  }

  #sweep() {
    const others = this.others();
    const schedules = others.length ? others : [this.schedule()];
    location.hash = `#/sweeps/new?state=${packed({ schedules })}`;
  }
}
