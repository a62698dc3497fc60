// Changes of a job's learning rate on the way: what caused them, who asked for them, and a form to ask for one.

import { get, post } from '../api.js';
import { announce, freshId, h, put } from '../dom.js';
import { clock, integer, number } from '../format.js';
import { LIVE, isJudged } from '../job_parts.js';
import { errorBox } from '../notices.js';

const HALF = '0.5';
const CAUSES = { plateau: 'plateau: no progress', greedy: 'greedy', manual: 'a person', fork: 'fork: carried over from the parent' };

export class RateEvents {
  #list = h('ol', { class: 'rate-events' });
  #pending = h('ul', { class: 'plain-list' });
  #answer = h('div');
  #newest = 0;
  #form = h('div');
  element = h('section', { class: 'card', 'aria-label': 'Changes of the rate', hidden: true }, h('h2', {}, 'Changes of the rate'), this.#list, this.#pending, this.#form, this.#answer);

  constructor(base, { after, onEvent }) {
    this.base = base;
    this.after = after;
    this.onEvent = onEvent;
    put(this.#form, this.#scaleForm());
  }

  /** Show the events of `curve` and the requests that wait; `onEvent()` follows when there are more than it knows. */
  async show(curve, job, signal) {
    const live = LIVE.has(job.status) && !isJudged(job);
    this.element.hidden = !live && curve.lr_events.length === 0;
    this.#form.hidden = !live;
    put(this.#list, curve.lr_events.map((event, at) => eventItem(event, at + 1)));
    if (live) await this.#ask(curve, signal);
    else put(this.#pending);
  }

  async #ask(curve, signal) {
    const { requests, events } = await get(`${this.base}/lr_events`, { signal });
    const waiting = requests.filter((request) => request.status === 'pending');
    put(this.#pending, waiting.map((request) => h('li', {}, `× ${number(request.scale)} waits for the next step`, request.reason ? `: ${request.reason}` : '')));
    const newest = Math.max(0, ...events.map((event) => event.seq));
    if (newest > this.#newest) await this.onEvent();
    this.#newest = newest;
  }

  #scaleForm() {
    const scale = h('input', { type: 'text', inputmode: 'decimal', id: freshId('scale'), value: HALF, required: true, size: '6', autocomplete: 'off' });
    const reason = h('input', { type: 'text', id: freshId('reason'), maxlength: '500', required: true, autocomplete: 'off', placeholder: 'why' });
    const button = h('button', { type: 'submit' }, 'Scale the rate');
    const submit = async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        await post(`${this.base}/lr_events`, { scale: Number(scale.value), reason: reason.value.trim() });
        put(this.#answer);
        // Scaling again is another request with a reason of its own.
        [scale.value, reason.value] = [HALF, ''];
        announce('Asked for: it holds from the next step on');
        this.after();
      } catch (error) {
        put(this.#answer, errorBox(error));
      }
      button.disabled = false;
    };
    return h('form', { class: 'scale-form', onsubmit: submit }, h('p', { class: 'field' }, h('label', { for: scale.id }, 'Scale by'), scale), h('p', { class: 'field grow' }, h('label', { for: reason.id }, 'Reason'), reason), button);
  }
}

function eventItem(event, count) {
  return h('li', {}, h('span', { class: 'sign', 'aria-label': `Mark ${count}` }, count), h('div', {},
    h('p', {}, h('strong', {}, CAUSES[event.cause] ?? event.cause), ` at step ${integer(event.step)}: factor ${number(event.m_before)} → ${number(event.m_after)}`),
    event.reason ? h('p', {}, event.reason) : null,
    h('p', { class: 'quiet' }, [event.actor, clock(event.at)].filter(Boolean).join(' · '))));
}

/** Return the alert for a job whose logged rate left its plan at step `drift`, or null. */
export function driftAlert(drift) {
  if (drift === null || drift === undefined) return null;
  const step = typeof drift === 'object' ? drift.step : drift;
  return h('div', { class: 'notice', 'data-tone': 'bad', role: 'alert' }, h('strong', {}, 'The rate left its plan'),
    h('p', {}, `From step ${integer(step)} on, the rate that the optimizer used differs from the planned one times its changes. This must not happen: keep the curve and report it.`));
}
