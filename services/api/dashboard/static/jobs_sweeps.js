// The trainings of a sweep in the list of jobs: one row for all of them, which unfolds.

import { h, put, setAttr, setText } from './dom.js';
import { integer, shortId } from './format.js';

/** Return what the list shows: jobs, and for each sweep `{id, jobs}` at its newest one, followed by them where it is open. */
export function listed(jobs, open) {
  const sweeps = new Map();
  for (const job of jobs.filter((one) => one.sweep)) sweeps.set(job.sweep, [...(sweeps.get(job.sweep) ?? []), job]);
  return jobs.flatMap((job) => {
    if (!job.sweep) return [job];
    const own = sweeps.get(job.sweep);
    if (own[0] !== job) return [];
    return [{ id: job.sweep, jobs: own }, ...(open.has(job.sweep) ? own : [])];
  });
}

export class SweepRow {
  #button = h('button', { type: 'button', class: 'small', 'aria-expanded': 'false' }, 'Show them');
  #count = h('span');
  #states = h('span', { class: 'quiet' });
  #open = false;

  constructor(id, { columns, onFold }) {
    this.#button.addEventListener('click', () => { this.#open = !this.#open; this.#fold(); onFold(); });
    this.link = h('a', { href: `#/sweeps/${encodeURIComponent(id)}`, title: id });
    this.element = h('tr', { 'data-sweep-row': id }, h('td', { colspan: columns }, h('div', { class: 'sweep-row' }, h('span', { class: 'chip' }, 'sweep'), this.link, this.#count, this.#states, h('span', { class: 'push' }, this.#button))));
  }

  #fold() {
    setAttr(this.#button, 'aria-expanded', String(this.#open));
    setText(this.#button, this.#open ? 'Hide them' : 'Show them');
  }

  /** Count the trainings that the list holds; older ones may not be among them while there is more to show. */
  update({ id, jobs }, hasMore) {
    setText(this.link, `${jobs[0].model ?? jobs[0].spec?.model ?? 'sweep'}, ${shortId(id)}`);
    const oldest = hasMore ? ' of the newest jobs' : '';
    setText(this.#count, `${integer(jobs.length)} ${jobs.length === 1 ? 'training' : 'trainings'}${oldest}`);
    const states = Map.groupBy(jobs, (job) => job.status);
    put(this.#states, [...states].map(([status, own]) => `${integer(own.length)} ${status}`).join(', '));
  }
}
