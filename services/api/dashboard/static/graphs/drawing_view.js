// A drawing of the API in the page: taken over element by element, so that nothing active comes along, and zoomable.

import { request } from '../api.js';
import { h, put, svg } from '../dom.js';

const ELEMENTS = new Set(['svg', 'g', 'rect', 'line', 'polyline', 'polygon', 'path', 'circle', 'ellipse', 'text', 'tspan', 'title', 'desc']);
const ATTRIBUTES = new Set(['x', 'y', 'x1', 'y1', 'x2', 'y2', 'cx', 'cy', 'r', 'rx', 'ry', 'd', 'points', 'width', 'height', 'viewBox', 'transform', 'fill', 'fill-opacity', 'stroke', 'stroke-width',
  'stroke-dasharray', 'font-family', 'font-size', 'font-weight', 'text-anchor', 'role']);
const FACTOR = 1.25;
const SMALLEST_FIT = 0.72;  // letters of 9 px
const NARROW = 600;  // pixels of a frame that shows little of a wide drawing: there an overview comes before letters
const SMALLEST_NARROW = 0.4;

/** Return the SVG document `text` as an element of this page with nothing but shapes and texts in it. */
export function imported(text) {
  const { documentElement: root } = new DOMParser().parseFromString(text, 'image/svg+xml');
  if (root.localName !== 'svg') throw new Error('the answer is no SVG');
  return copied(root);
}

function copied(element) {
  const attributes = [...element.attributes].filter(({ name, value }) => ATTRIBUTES.has(name) && !/url\s*\(/i.test(value)).map(({ name, value }) => [name, value]);
  const children = [...element.childNodes].map((child) => {
    if (child.nodeType === Node.TEXT_NODE) return child.textContent;
    return child.nodeType === Node.ELEMENT_NODE && ELEMENTS.has(child.localName) ? copied(child) : null;
  });
  return svg(element.localName, Object.fromEntries(attributes), children);
}

/** A place for one drawing with buttons to see it larger, smaller or whole. */
export class DrawingView {
  #drawing = null;
  #scale = null;
  #whole = false;
  #outer = 0;
  #place = h('div', { class: 'drawing', tabindex: '0', role: 'group', 'aria-label': 'Drawing' });

  constructor() {
    const button = (sign, words, act) => h('button', { type: 'button', class: 'small', 'aria-label': words, title: words, onclick: act }, sign);
    this.tools = h('span', { class: 'actions' }, button('−', 'Smaller', () => this.#zoom(1 / FACTOR)), button('+', 'Larger', () => this.#zoom(FACTOR)), button('Fit', 'Fit the width', () => this.#fit()));
    this.element = this.#place;
    new ResizeObserver(() => this.#refit()).observe(this.#place);
  }

  /** Ask for the drawing and show it. */
  async load(path, options = {}) {
    const text = await (await request(path, { accept: 'image/svg+xml', ...options })).text();
    this.#drawing = imported(text);
    this.#place.setAttribute('aria-label', this.#drawing.querySelector('title')?.textContent ?? 'Drawing');
    put(this.#place, this.#drawing);
    this.#size();
    return this.#drawing;
  }

  /** Fit again when the frame got another width: its outer one, which no scroll bar changes. */
  #refit() {
    if (this.#place.offsetWidth === this.#outer) return;
    this.#outer = this.#place.offsetWidth;
    this.#size();
  }

  #width() {
    return Number(this.#drawing.getAttribute('viewBox').split(' ')[2]);
  }

  #zoom(factor) {
    if (!this.#drawing) return;
    const now = this.#scale ?? this.#drawing.getBoundingClientRect().width / this.#width();
    this.#scale = Math.min(4, Math.max(0.1, now * factor));
    this.#size();
  }

  #fit() {
    this.#scale = null;
    this.#whole = true;
    this.#size();
  }

  /** As wide as the page unless that is too small to read, never larger than drawn; then as large as was asked for. */
  #size() {
    if (!this.#drawing) return;
    const frame = this.#place.clientWidth || NARROW;
    const smallest = this.#whole ? 0 : frame < NARROW ? SMALLEST_NARROW : SMALLEST_FIT;
    const scale = this.#scale ?? Math.min(1, Math.max(frame / this.#width(), smallest));
    this.#drawing.removeAttribute('height');
    this.#drawing.setAttribute('width', Math.floor(this.#width() * scale));
    if (this.#scale === null) this.#begin();
  }

  /** Bring the first box into view, where reading begins, if the drawing is wider than its frame. */
  #begin() {
    const first = this.#drawing.querySelector('g[transform] > g:has(> text)')?.getBoundingClientRect();
    if (!first) return;
    const frame = this.#place.getBoundingClientRect();
    this.#place.scrollLeft += first.left + first.width / 2 - (frame.left + this.#place.clientWidth / 2);
  }
}

/** Return the boxes of a drawing in the order of its nodes: the last ones drawn. */
export function boxesOf(drawing, count) {
  return [...drawing.querySelectorAll('g[transform] > g')].slice(-count);
}
