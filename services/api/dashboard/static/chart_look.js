// How charts look: inks of the style sheet, lines, axes, marks.

import { svg } from './dom.js';
import { integer, number } from './format.js';

const DASHES = [undefined, [9, 4], [2, 3], [10, 3, 2, 3], [5, 3], [14, 5], [2, 6], [6, 2, 2, 2, 2, 2]];
const COLOURS = 8;
const PLAIN_DASH = [5, 4];
const MOST_MARKS = 80;

/** Return what tells the curve number `at` from its neighbours: a colour and a dash of its own, since colour alone tells not everyone. */
export function styleOf(at) {
  return { tone: `c${at % COLOURS}`, dash: DASHES[(at + Math.floor(at / COLOURS)) % DASHES.length] };
}

/** Return the value of a colour of the style sheet. */
export function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function dashOf(dash) {
  return dash === true ? PLAIN_DASH : dash || undefined;
}

/** Return the uPlot series of `{tone, dash?, width?, points?, only?}`; `only` draws points without a line. */
export function lineOf({ tone, dash, width = 1.5, points, only }) {
  const colour = ink(`--plot-${tone}`);
  const shown = points || only ? { show: true, size: 5, fill: colour } : { show: false };
  return { stroke: colour, width: only ? 0 : width, dash: dashOf(dash), points: shown, paths: only ? () => null : undefined };
}

/** Return a short piece of a series' line for the legend. */
export function swatch({ tone, dash, only }) {
  const line = only ? svg('circle', { cx: 11, cy: 3, r: 2.6 }) : svg('line', { x1: 0, y1: 3, x2: 22, y2: 3, 'stroke-dasharray': dashOf(dash)?.join(' ') ?? null });
  return svg('svg', { class: 'swatch', viewBox: '0 0 22 6', 'data-tone': tone, 'aria-hidden': 'true' }, line);
}

/** Return a range with a little room around it, never below 0 for what is not. */
export function padded(plot, low, high) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}

/** Return a step as an axis writes it: 12,000 as 12k. */
export function shortStep(step) {
  if (step === null || !Number.isInteger(step)) return '';
  if (step >= 1e6) return `${number(step / 1e6, 3)}M`;
  return step >= 10_000 ? `${number(step / 1e3, 4)}k` : integer(step);
}

/**
 * Return the ticks of an upright axis as text, apart from each other by as many digits as their `step` needs; a logarithmic
 * axis has no step, and ticks without text.
 */
export function tickTexts(ticks, step = null) {
  const last = step ? Math.floor(Math.log10(step)) - 1 : Infinity;
  return ticks.map((tick) => {
    if (tick === null) return '';
    const first = tick === 0 ? last : Math.floor(Math.log10(Math.abs(tick)));
    return number(tick, Math.min(12, Math.max(3, first - last + 1)));
  });
}

/** Return the width that an upright axis needs for its texts, and at least `least`, so that charts below each other line up. */
export function axisRoom(plot, texts, { axis, least }) {
  const { font, gap, ticks } = plot.axes[axis];
  plot.ctx.save();
  plot.ctx.font = font[0];
  const widest = Math.max(0, ...(texts ?? []).map((text) => plot.ctx.measureText(text).width)) / devicePixelRatio;
  plot.ctx.restore();
  return Math.max(least, Math.ceil(widest + gap + ticks.size + 2));
}

/** Return the looks that both axes share. */
export function axisLook() {
  return { stroke: ink('--muted'), grid: { stroke: ink('--grid'), width: 1 }, ticks: { stroke: ink('--grid'), width: 1, size: 4 }, font: '11px system-ui, sans-serif' };
}

/** Draw vertical lines at `marks`: plain numbers, or `{at, tone, sign, row?}` for a dashed line in its own ink. */
export function drawMarks(plot, marks) {
  const short = marks.length > MOST_MARKS;
  plot.ctx.save();
  plot.ctx.lineWidth = devicePixelRatio;
  for (const mark of marks) drawMark(plot, typeof mark === 'number' ? { at: mark } : mark, short);
  plot.ctx.restore();
}

function drawMark({ ctx, bbox, valToPos }, { at, tone, sign }, short) {
  const x = Math.round(valToPos(at, 'x', true)) + 0.5;
  if (!(x >= bbox.left && x <= bbox.left + bbox.width)) return;
  const foot = bbox.top + bbox.height;
  ctx.strokeStyle = ink(tone ? `--plot-${tone}` : '--mark');
  ctx.setLineDash(sign ? [3 * devicePixelRatio, 3 * devicePixelRatio] : []);
  ctx.beginPath();
  ctx.moveTo(x, short && !sign ? foot - 6 * devicePixelRatio : bbox.top);
  ctx.lineTo(x, foot);
  ctx.stroke();
}

/** Write the signs of `marks` near the top, over the lines, each `row` lines down. */
export function drawSigns(plot, marks) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  for (const { at, tone, sign, row = 0 } of marks.filter((mark) => mark.sign)) {
    const x = plot.valToPos(at, 'x', true);
    if (x >= bbox.left && x <= bbox.left + bbox.width) drawSign(ctx, { x, y: bbox.top + (12 + 17 * row) * devicePixelRatio, sign, tone, edge: bbox.left + bbox.width });
  }
  ctx.restore();
}

function drawSign(ctx, { x, y, sign, tone, edge }) {
  const half = ctx.measureText(sign).width / 2 + 4 * devicePixelRatio;
  const centre = Math.min(x, edge - half);
  ctx.fillStyle = ink('--surface');
  ctx.fillRect(centre - half, y - 11 * devicePixelRatio, half * 2, 15 * devicePixelRatio);
  ctx.fillStyle = ink(tone ? `--plot-${tone}` : '--ink');
  ctx.fillText(sign, centre, y);
}
