// Asking again and again, politely: never two at once, not while the tab is hidden, slower after errors.

const FIRST_RETRY_MS = 1_000;
const SLOWEST_MS = 30_000;

/**
 * Run `task` now and then `pause()` milliseconds after it ended, until `signal` aborts.
 * Errors go to `onError`; returns a function that asks at once.
 */
export function poll(task, { pause, onError, signal }) {
  let timer = null;
  let running = false;
  let failures = 0;

  async function turn() {
    if (running || signal.aborted) return;
    running = true;
    clearTimeout(timer);
    try {
      await task(signal);
      failures = 0;
    } catch (error) {
      failures += 1;
      if (!signal.aborted) onError(error);
    }
    running = false;
    schedule();
  }

  function schedule() {
    if (signal.aborted || document.hidden) return;
    const wait = failures ? Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), SLOWEST_MS) : pause();
    timer = setTimeout(turn, wait);
  }

  document.addEventListener('visibilitychange', () => { if (!document.hidden) turn(); }, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  turn();
  return turn;
}
