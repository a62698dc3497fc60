// Where a job comes from and what came of it: its parent, its forks, its sweep; and what can be tried next.

import { get } from '../api.js';
import { h, put } from '../dom.js';
import { integer, scheduleName, shortId } from '../format.js';
import { playgroundAddress } from '../job_parts.js';

const MOST = 100;

export class Lineage {
  #origin = h('p', { class: 'line', hidden: true });
  #children = h('p', { class: 'line', hidden: true });
  #next = h('p', { class: 'actions next-steps' });
  element = h('div', { class: 'stack lineage' }, this.#origin, this.#children, this.#next);

  constructor(id, { onFork }) {
    this.id = id;
    this.fork = h('button', { type: 'button', class: 'small', hidden: true, onclick: onFork }, 'Fork from a checkpoint');
  }

  /** Show the parent, the sweep and the ways on of `job`. */
  show(job) {
    const parts = [job.parent ? ['Fork of ', link(job.parent), ` from step ${integer(job.start_step)}`] : null,
      job.sweep ? ['Training of the sweep ', h('a', { href: `#/sweeps/${encodeURIComponent(job.sweep)}` }, shortId(job.sweep)), job.arm ? `, schedule ${job.arm}` : ''] : null].filter(Boolean);
    this.#origin.hidden = parts.length === 0;
    put(this.#origin, parts.map((part, at) => [at ? ' · ' : '', part]));
    if (this.#next.firstChild || !job.spec?.schedule) return;
    put(this.#next, this.fork, h('a', { class: 'button small', href: playgroundAddress(this.id) }, 'Schedule in the playground'),
      h('a', { class: 'button small', href: `#/sweeps/new?job=${encodeURIComponent(this.id)}` }, 'Compare schedules'),
      h('a', { class: 'button small', href: `#/ranges/new?job=${encodeURIComponent(this.id)}` }, 'Find its learning rate'));
  }

  /** Look for something to fork from: without a checkpoint the button would lead nowhere. */
  async loadCheckpoints(signal) {
    if (!this.fork.hidden) return;
    const { data } = await get(`/v1/training_jobs/${encodeURIComponent(this.id)}/checkpoints`, { signal });
    this.fork.hidden = data.length === 0;
  }

  /** Look for forks. */
  async loadChildren(signal) {
    const { data: forks } = await get(`/v1/training_jobs?limit=${MOST}&parent=${encodeURIComponent(this.id)}`, { signal });
    this.#children.hidden = forks.length === 0;
    put(this.#children, `${forks.length === 1 ? 'Fork' : 'Forks'}: `, forks.map((job, at) => [at ? ', ' : '', link(job.id), ` from step ${integer(job.start_step)} (${scheduleName(job.spec?.schedule)}, ${job.status})`]));
  }
}

function link(id) {
  return h('a', { href: `#/jobs/${encodeURIComponent(id)}`, title: id }, shortId(id));
}
