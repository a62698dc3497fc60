// Stepping through a trace: forward node by node, then backward, in words and in the drawing.

import { announce, h, put, setText } from '../dom.js';
import { boxesOf } from './drawing_view.js';

const GRADIENT = '#b3201b';

export class Stepper {
  #frames = [];
  #boxes = [];
  #gradients = [];
  #at = null;
  #text = h('p', { class: 'frame', role: 'status' });
  #count = h('span', { class: 'quiet num' });

  constructor() {
    const button = (sign, words, act) => h('button', { type: 'button', class: 'small', 'aria-label': words, onclick: act }, sign);
    this.slider = h('input', { type: 'range', min: '0', value: '0', 'aria-label': 'Step of the trace', oninput: () => this.#go(Number(this.slider.value)) });
    this.element = h('div', { class: 'stepper', role: 'group', 'aria-label': 'Step through the passes' }, h('div', { class: 'actions' }, button('|◀', 'First step', () => this.#go(0)), button('◀', 'Step back', () => this.#go((this.#at ?? 1) - 1)),
      this.slider, button('▶', 'Step on', () => this.#go(this.#at === null ? 0 : this.#at + 1)), button('Whole', 'Whole graph', () => this.#whole()), this.#count), this.#text);
  }

  /** Take another trace and the drawing of it; everything is shown until somebody steps. */
  show(trace, drawing) {
    this.#frames = trace.frames ?? [];
    this.#boxes = boxesOf(drawing, trace.nodes.length);
    this.#gradients = [...drawing.querySelectorAll(`text[fill="${GRADIENT}"]`)];
    this.slider.max = Math.max(0, this.#frames.length - 1);
    this.element.hidden = this.#frames.length === 0;
    this.#whole();
  }

  #whole() {
    this.#at = null;
    for (const box of this.#boxes) box.classList.remove('faint', 'here');
    for (const text of this.#gradients) text.classList.remove('faint');
    put(this.#text, 'Step on to follow the forward and then the backward pass.');
    setText(this.#count, `${this.#frames.length} steps`);
  }

  #go(wanted) {
    if (!this.#frames.length) return;
    this.#at = Math.min(this.#frames.length - 1, Math.max(0, wanted));
    const frame = this.#frames[this.#at];
    const done = new Set(this.#frames.slice(0, this.#at + 1).filter((one) => one.pass === 'forward').map((one) => one.node));
    const forward = frame.pass === 'forward';
    const computed = new Set(this.#frames.filter((one) => one.pass === 'forward').map((one) => one.node));
    // Inputs and constants are there from the start: only what the forward pass computes has to wait.
    this.#boxes.forEach((box, at) => { box.classList.toggle('faint', forward && computed.has(at) && !done.has(at)); box.classList.toggle('here', at === frame.node); });
    for (const text of this.#gradients) text.classList.toggle('faint', forward);
    this.slider.value = this.#at;
    put(this.#text, h('strong', {}, forward ? 'Forward' : 'Backward'), ` ${frame.text}`);
    setText(this.#count, `${this.#at + 1} of ${this.#frames.length}`);
    announce(`${frame.pass}: ${frame.text}`);
  }
}
