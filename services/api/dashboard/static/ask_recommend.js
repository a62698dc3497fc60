// Asking a recommender: items for a user or a history, and items near an item.

import { post } from './api.js';
import { announce, freshId, h, put, svg } from './dom.js';
import { number } from './format.js';
import { emptyBox, errorBox } from './notices.js';
import { versionAddress } from './route.js';

const FALLBACKS = {
  history: 'The model does not know this user: these are the items nearest to the history given.',
  popular: 'The model knows neither this user nor an item of the history: these are the most popular items.',
};

export class RecommendForm {
  #answer = h('div', { class: 'answer', 'aria-live': 'polite' });
  #similar = h('div', { class: 'answer', 'aria-live': 'polite' });

  constructor({ base, query }) {
    this.base = base;
    this.query = query;
    this.user = h('input', { type: 'text', autocomplete: 'off', placeholder: 'e.g. 42' });
    this.k = h('input', { type: 'number', min: '1', max: '200', value: '10', required: true });
    this.history = h('textarea', { rows: '2', placeholder: 'item ids, separated by commas or lines' });
    this.excludeSeen = h('input', { type: 'checkbox', id: freshId('seen') });
    this.excludeSeen.checked = true;
    this.form = this.#form();
    put(this.#answer, emptyBox('No question yet', h('p', {}, 'Give a user id of the training data, or a few item ids as a history. With neither, the answer is the most popular items.')));
    this.element = h('div', { class: 'ask-grid' }, this.form, h('div', { class: 'answers' }, this.#answer, this.#similar));
  }

  #form() {
    const submit = (event) => { event.preventDefault(); this.#recommend(); };
    return h('form', { class: 'card fields', onsubmit: submit },
      labelled('User id', this.user), labelled('How many (k)', this.k), labelled('History', this.history),
      h('p', { class: 'check' }, this.excludeSeen, h('label', { for: this.excludeSeen.id }, 'Leave out what the user has seen')),
      h('button', { type: 'submit', class: 'main' }, 'Recommend'));
  }

  async #recommend() {
    const body = { k: Number(this.k.value), exclude_seen: this.excludeSeen.checked, explain: true };
    const history = this.history.value.split(/[\n,]+/).map((id) => id.trim()).filter(Boolean);
    if (this.user.value.trim()) body.user = this.user.value.trim();
    if (history.length) body.history = history;
    put(this.#similar);
    await ask(this.#answer, () => post(`${this.base}/recommend${this.query}`, body), (answer) => this.#items(answer));
  }

  #items(answer) {
    announce(`${answer.items.length} items`);
    const source = answer.fallback ? FALLBACKS[answer.fallback] ?? answer.fallback : 'Ranked by the net for this user.';
    return [h('div', { class: 'head' }, h('h3', {}, 'Recommended'), h('a', { class: 'push', href: versionAddress(answer.model, answer.version) }, `${answer.model} version ${answer.version}`)),
      h('p', { class: 'source', 'data-fallback': answer.fallback ?? 'none' }, source), remarks(answer), this.#list(answer.items, 'Similar items')];
  }

  #list(items, action) {
    if (!items.length) return h('p', {}, 'No item is left to recommend.');
    const scores = items.map((item) => item.score);
    const [low, high] = [Math.min(...scores, 0), Math.max(...scores)];
    return h('ol', { class: 'items' }, items.map((item) => h('li', {},
      h('span', { class: 'item-title' }, item.title ?? item.item, item.title ? h('code', { class: 'id' }, item.item) : null, reasons(item)),
      scoreBar((item.score - low) / (high - low || 1)), h('span', { class: 'num' }, number(item.score, 3)),
      action ? h('button', { type: 'button', class: 'small plain', 'aria-label': `${action} to ${item.title ?? item.item}`, onclick: () => this.#near(item) }, 'similar') : null)));
  }

  async #near(item) {
    const show = (answer) => [h('h3', {}, `Near ${item.title ?? item.item}`), remarks(answer), this.#list(answer.items, null)];
    await ask(this.#similar, () => post(`${this.base}/similar${this.query}`, { item: item.item, k: Number(this.k.value) }), show);
    this.#similar.scrollIntoView({ block: 'nearest' });
  }
}

/** What the answer says of itself: ids it did not know, and why it is short. */
function remarks({ skipped, shortfall }) {
  const texts = [];
  if (skipped) texts.push(`${skipped} ${skipped === 1 ? 'id was' : 'ids were'} not known and left out.`);
  if (shortfall) texts.push(`${shortfall.came} of ${shortfall.wanted} items: ${shortfall.reason}.`);
  return texts.length ? h('p', { class: 'quiet' }, texts.join(' ')) : null;
}

function reasons(item) {
  if (!item.reasons?.length) return null;
  return h('small', { class: 'quiet reasons' }, `${item.reasons[0].relation} ${item.reasons.slice(0, 2).map((reason) => reason.title ?? reason.item).join(' and ')}`);
}

function scoreBar(share) {
  return svg('svg', { class: 'score-bar', viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('rect', { class: 'track', width: 100, height: 6 }), svg('rect', { class: 'fill', width: Math.max(1, share * 100), height: 6 }));
}

/** Fill `place` with the answer of `question` or with why there is none. */
export async function ask(place, question, show) {
  place.setAttribute('aria-busy', 'true');
  try {
    put(place, show(await question()));
  } catch (error) {
    put(place, errorBox(error));
  }
  place.removeAttribute('aria-busy');
}

/** Return a label with its field beneath. */
export function labelled(text, field, hint) {
  field.id ||= freshId('field');
  return h('p', { class: 'field' }, h('label', { for: field.id }, text), field, hint ? h('small', { class: 'quiet' }, hint) : null);
}
