// Asking for previews: a little after the last key press, and never minding an answer that came too late.

import { post } from '../api.js';

const PATH = '/v1/lr_schedules/preview';
const WAIT_MS = 180;
const POINTS = 1000;

/** Asks for the schedule that is being edited. */
export class Previewer {
  #timer = null;
  #asking = null;

  constructor({ signal, onCurve, onRefused }) {
    this.onCurve = onCurve;
    this.onRefused = onRefused;
    signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  /** Ask for `entry` (`{label, schedule}`) over `run` (`{total_steps, steps_per_epoch}`) once the typing has paused. */
  askSoon(entry, run) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(entry, run), WAIT_MS);
  }

  async #ask(entry, run) {
    this.#stop();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const { curves } = await post(PATH, { ...run, points: POINTS, schedules: [entry] }, { signal: asking.signal });
      if (!asking.signal.aborted) this.onCurve(curves[0]);
    } catch (error) {
      if (!asking.signal.aborted) this.onRefused(error);
    }
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }
}

/**
 * Return a curve, or the part of the ApiError that refused it, for each of `entries`. One refused schedule refuses a whole
 * request, so those that are named in a refusal are left out and the rest asked for again.
 */
export async function previewAll(entries, run, { signal, points = POINTS } = {}) {
  const found = entries.map(() => null);
  let left = entries.map((entry, at) => ({ entry, at }));
  while (left.length) {
    try {
      const { curves } = await post(PATH, { ...run, points, schedules: left.map(({ entry }) => entry) }, { signal });
      curves.forEach((curve, which) => { found[left[which].at] = curve; });
      return found;
    } catch (error) {
      const refused = new Set((error.errors ?? []).map(({ loc }) => (loc?.[0] === 'schedules' ? loc[1] : null)).filter(Number.isInteger));
      if (!refused.size) throw error;
      for (const which of refused) found[left[which].at] = { message: error.message, errors: error.errors.filter(({ loc }) => loc?.[1] === which) };
      left = left.filter((one, which) => !refused.has(which));
    }
  }
  return found;
}

/** Return an error's findings with places inside the schedule. */
export function inSchedule(error) {
  return (error.errors ?? []).map(({ loc = [], message }) => ({ loc: loc[0] === 'schedules' ? loc.slice(3) : loc, message, tone: 'bad', outside: loc[0] !== 'schedules' }));
}
