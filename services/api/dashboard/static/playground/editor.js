// A schedule as a form and as JSON, one beside the other: an edit in either is at once in both.

import { freshId, h, put } from '../dom.js';
import { said } from '../notices.js';
import { ScheduleForm, listed, listedPlace } from './form.js';

const PLACE = /position (\d+)/;

export class Editor {
  #schedule = null;

  constructor(catalogue, onChange) {
    this.onChange = onChange;
    this.form = new ScheduleForm(catalogue, (schedule) => this.#fromForm(schedule));
    this.text = h('textarea', { id: freshId('json'), class: 'mono json', rows: '18', spellcheck: 'false', autocomplete: 'off', 'aria-label': 'The schedule as JSON', oninput: () => this.#fromText() });
    this.unread = h('p', { class: 'wrong', role: 'alert', hidden: true });
    this.findings = h('ul', { class: 'findings', 'aria-live': 'polite' });
    this.#tabs();
  }

  /** Show another schedule. */
  show(schedule) {
    this.#schedule = schedule;
    this.text.value = written(schedule);
    this.unread.hidden = true;
    this.form.show(listed(schedule));
  }

  addPhase(entry) {
    this.#choose(0);
    this.form.add(entry);
  }

  /** Show findings (`{loc, message, tone}`) at their fields, and all of them above. */
  mark(findings) {
    this.form.mark(findings.map((one) => ({ ...one, loc: listedPlace(one.loc, this.#schedule) })));
    put(this.findings, findings.map(({ loc, message, tone }) => h('li', { 'data-tone': tone }, said(h('strong', {}, tone === 'warn' ? 'Warning' : 'Refused'), { loc, message }))));
  }

  #fromForm(schedule) {
    this.#schedule = schedule;
    this.text.value = written(schedule);
    this.unread.hidden = true;
    this.onChange(schedule);
  }

  #fromText() {
    try {
      this.#schedule = JSON.parse(this.text.value);
    } catch (error) {
      this.unread.hidden = false;
      put(this.unread, `This is not JSON yet: ${where(error.message, this.text.value)}`);
      return;
    }
    this.unread.hidden = true;
    this.form.show(listed(this.#schedule));
    this.onChange(this.#schedule);
  }

  #tabs() {
    const panels = [h('div', { role: 'tabpanel', id: freshId('panel') }, this.form.element), h('div', { role: 'tabpanel', id: freshId('panel'), class: 'stack' }, this.text, this.unread)];
    const tabs = ['Form', 'JSON'].map((name, at) => h('button', { type: 'button', role: 'tab', id: freshId('tab'), 'aria-controls': panels[at].id, onclick: () => this.#choose(at) }, name));
    panels.forEach((panel, at) => panel.setAttribute('aria-labelledby', tabs[at].id));
    const list = h('div', { role: 'tablist', class: 'tabs', 'aria-label': 'How to edit', onkeydown: (event) => {
      if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
      const next = tabs[(tabs.indexOf(document.activeElement) + 1) % tabs.length];
      this.#choose(tabs.indexOf(next));
      next.focus();
    } }, tabs);
    this.tabs = tabs;
    this.panels = panels;
    this.element = h('div', { class: 'stack' }, list, this.findings, panels);
    this.#choose(0);
  }

  #choose(chosen) {
    this.tabs.forEach((tab, at) => { tab.setAttribute('aria-selected', String(at === chosen)); tab.tabIndex = at === chosen ? 0 : -1; });
    this.panels.forEach((panel, at) => { panel.hidden = at !== chosen; });
  }
}

/** Return a schedule as JSON, each phase in a line of its own where it fits. */
export function written(schedule) {
  const text = JSON.stringify(schedule, null, 2);
  return text.replace(/\{\n\s+([^{}[\]]*?)\n\s+\}/g, (whole, inside) => {
    const line = `{ ${inside.split(/\n\s*/).join(' ')} }`;
    return line.length <= 76 ? line : whole;
  });
}

/** Return a parser's message with the line in place of the position. */
function where(message, text) {
  const [, position] = PLACE.exec(message) ?? [];
  if (position === undefined || /line \d+/.test(message)) return message;
  return `${message} (line ${text.slice(0, Number(position)).split('\n').length})`;
}
