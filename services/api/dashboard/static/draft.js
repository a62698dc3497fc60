// The state of the playground, kept in this tab: for coming back to it, and for a fork.

const SLOT = 'gradus.playground';

/** Keep `{run, draft, others}`. */
export function keepPlayground(state) {
  sessionStorage.setItem(SLOT, JSON.stringify(state));
}

/** Return what was kept last, or null. */
export function lastPlayground() {
  try {
    return JSON.parse(sessionStorage.getItem(SLOT));
  } catch {
    return null;
  }
}

/** Forget what was kept. */
export function forgetPlayground() {
  sessionStorage.removeItem(SLOT);
}
