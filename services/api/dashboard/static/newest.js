// A list of the newest things of one kind, kept current, with older ones when asked for.

import { get } from './api.js';
import { h, put } from './dom.js';
import { poll } from './poll.js';

const PAGE = 25;
const MOST = 400;
const LIMIT = 100;

/** Return the newest `count` entries of the list at `path`, asking for as many as the server gives at once. */
export async function newest(path, count, signal) {
  const data = [];
  for (;;) {
    const after = data.length ? `&after=${encodeURIComponent(data[data.length - 1].id)}` : '';
    const answer = await get(`${path}?limit=${Math.min(LIMIT, count - data.length)}${after}`, { signal });
    data.push(...answer.data);
    if (!answer.has_more || data.length >= count) return { data, has_more: answer.has_more };
  }
}

/** Keep the list at `path` in `place`, as `drawn(entries)` draws it; `pause(entries)` says how long it may stand. */
export function keepNewest(place, { path, older, drawn, pause, trouble, signal }) {
  let wanted = PAGE;
  let shown = [];
  const list = h('div');
  const more = h('button', { type: 'button', hidden: true, onclick: () => { wanted = Math.min(wanted * 2, MOST); again(); } }, older);
  put(place, list, more);
  const load = async () => {
    const { data, has_more: hasMore } = await newest(path, wanted, signal);
    trouble.asked(null);
    shown = data;
    redraw(list, drawn(data));
    more.hidden = !hasMore || wanted >= MOST;
  };
  const again = poll(load, { pause: () => pause(shown), onError: trouble.asked, signal });
}

/** Put a drawing in place of another; who stands on a link stays on it. */
function redraw(list, drawing) {
  const stood = list.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  put(list, drawing);
  if (stood !== null) [...list.querySelectorAll('a')].find((link) => link.getAttribute('href') === stood)?.focus({ preventScroll: true });
}
