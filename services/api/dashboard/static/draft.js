// The schedule last edited in the playground, for other views of this tab: a fork, a sweep.

const SLOT = 'gradus.draft';

/** Keep `{label, schedule}` for the other views. */
export function keepDraft(draft) {
  sessionStorage.setItem(SLOT, JSON.stringify(draft));
}

/** Return what was edited last, or null. */
export function lastDraft() {
  try {
    return JSON.parse(sessionStorage.getItem(SLOT));
  } catch {
    return null;
  }
}
