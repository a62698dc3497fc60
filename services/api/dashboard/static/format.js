// Numbers, times and names as people read them.

const DASH = '–';

/** Return a number with about `digits` significant digits: 0.00123, 1.2e-5, 12,345. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e7) return value.toExponential(Math.min(digits - 1, 3)).replace(/\.?0+e/, 'e').replace('e+', 'e');
  if (Number.isInteger(value)) return integer(value);
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toLocaleString('en-US', { maximumFractionDigits: decimals });
}

/** Return a difference with its sign: +0.0123, −0.0042. */
export function signed(value, decimals = 4) {
  return Number.isFinite(value) ? `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(decimals)}` : DASH;
}

/** Return an integer with thousands separated. */
export function integer(value) {
  return value === null || value === undefined || !Number.isFinite(value) ? DASH : Math.round(value).toLocaleString('en-US');
}

/** Return a number of fixed decimals, for columns that must line up. */
export function fixed(value, decimals = 4) {
  return value === null || value === undefined || !Number.isFinite(value) ? DASH : value.toFixed(decimals);
}

/** Return a share as a percentage. */
export function percent(share, decimals = 1) {
  return share === null || share === undefined || !Number.isFinite(share) ? DASH : `${(share * 100).toFixed(decimals)} %`;
}

/** Return a length of time: 42 s, 3 min 10 s, 2 h 05 min. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  if (seconds < 1) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const hours = Math.floor(whole / 3600);
  return `${integer(hours)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** Return how long ago an RFC 3339 time was. */
export function ago(text) {
  const then = Date.parse(text ?? '');
  if (Number.isNaN(then)) return DASH;
  const seconds = (Date.now() - then) / 1000;
  if (seconds < 5) return 'now';
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** Return a clock time in the reader's zone. */
export function clock(text) {
  const then = new Date(text ?? '');
  return Number.isNaN(then.getTime()) ? DASH : then.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}

/** Return a size in bytes for people. */
export function bytes(size) {
  if (!Number.isFinite(size)) return DASH;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = size < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3));
  return `${number(size / 1000 ** power, 3)} ${units[power]}`;
}

/** Return a schedule in one line: `linear → cosine`. */
export function scheduleName(schedule) {
  if (!schedule) return DASH;
  const phases = Array.isArray(schedule.phases) ? schedule.phases : [schedule];
  return phases.map((phase) => phase.name).filter(Boolean).join(' → ') || DASH;
}

/** Return a public id that fits a table cell: its prefix and its random end. */
export function shortId(id) {
  const [prefix, rest = ''] = String(id).split('_');
  return rest.length > 12 ? `${prefix}_…${rest.slice(-8)}` : String(id);
}

/** Return a metric's name as people write it. */
export function metricName(name) {
  const [stem, at] = name.split('@');
  const known = { hr: 'HR', ndcg: 'NDCG', mrr: 'MRR', map: 'MAP', precision: 'Precision', recall_min: 'Recall (min)', recall: 'Recall', coverage: 'Coverage', auroc: 'AUROC', auprc: 'AUPRC', ece: 'ECE', brier: 'Brier', log_loss: 'Log loss', rmse: 'RMSE', mae: 'MAE', loss: 'Loss' };
  const shown = known[stem] ?? stem.replaceAll('_', ' ');
  return at ? `${shown}@${at}` : shown;
}

const LOWER_IS_BETTER = new Set(['ece', 'brier', 'log_loss', 'rmse', 'mae', 'loss']);

/** Return whether a smaller value of this metric is better. */
export function lowerIsBetter(name) {
  return LOWER_IS_BETTER.has(name.split('@')[0]);
}

const ORDER = ['ndcg', 'auroc', 'hr', 'recall', 'mrr', 'auprc', 'rmse', 'brier', 'mae', 'log_loss', 'ece', 'coverage', 'map', 'precision', 'recall_min'];

/** Return metric names, the telling ones first. */
export function metricOrder(names) {
  const rank = (name) => { const at = ORDER.indexOf(name.split('@')[0]); return at < 0 ? ORDER.length : at; };
  return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true }));
}
