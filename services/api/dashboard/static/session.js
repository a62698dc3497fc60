// The API key: in sessionStorage for this tab alone, never in a query, never kept in the address.

const SLOT = 'gradus.key';
const listeners = new Set();
let refused = false;

/** Return the key of this tab, or null. */
export function key() {
  return sessionStorage.getItem(SLOT);
}

/** Keep `text` as this tab's key; empty forgets it. */
export function setKey(text) {
  const trimmed = (text ?? '').trim();
  refused = false;
  store(trimmed);
}

/** Forget `secret`, which the server did not accept; a key given since then stays. */
export function refuseKey(secret) {
  if (!secret || secret !== key()) return;
  refused = true;
  store('');
}

/** Tell whether the key before was forgotten because the server did not accept it. */
export function wasRefused() {
  return refused;
}

function store(trimmed) {
  if (trimmed) sessionStorage.setItem(SLOT, trimmed);
  else sessionStorage.removeItem(SLOT);
  for (const listener of listeners) listener();
}

/** Call `listener` whenever the key changes. */
export function onKeyChange(listener) {
  listeners.add(listener);
}

/** Return what may be shown of a key: its public id, never its secret. */
export function shownKey() {
  const parts = (key() ?? '').split('_');
  return parts.length >= 3 ? `${parts[0]}_${parts[1]}` : 'set';
}

/** Move `#key=…` (or `#/jobs&key=…`) from the address into the session, at once. */
export function takeKeyFromAddress() {
  const match = /(?:^#|[&?])key=([^&]+)/.exec(location.hash);
  if (!match) return;
  setKey(decodeURIComponent(match[1]));
  const rest = location.hash.startsWith('#/') ? location.hash.replace(/([&?])key=[^&]*&?/, '$1').replace(/[&?]$/, '') : '#/jobs';
  history.replaceState(null, '', location.pathname + rest);
}
