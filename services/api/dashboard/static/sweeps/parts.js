// Pieces that the list of sweeps and the page of one share.

import { h } from '../dom.js';

const TONES = { queued: 'idle', running: 'live', paused: 'warn', cancelling: 'warn', succeeded: 'good', partly_failed: 'warn', failed: 'bad', cancelled: 'idle' };

/** States in which a sweep still moves. */
export const LIVE_SWEEP = new Set(['queued', 'running', 'cancelling']);

/** Return a sweep's status as a pill. */
export function sweepPill(status) {
  return h('span', { class: 'pill', 'data-tone': TONES[status] ?? 'idle' }, status.replaceAll('_', ' '));
}

/** Return a button that acts on a second press within four seconds. */
export function twice(label, act) {
  const button = h('button', { type: 'button', class: 'small' }, label);
  button.addEventListener('click', () => {
    if (button.dataset.asked) { delete button.dataset.asked; button.textContent = label; act(button); return; }
    button.dataset.asked = 'yes';
    button.textContent = `Really ${label.toLowerCase()}?`;
    setTimeout(() => { delete button.dataset.asked; button.textContent = label; }, 4_000);
  });
  return button;
}
