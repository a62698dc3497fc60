// Addresses of the page's views.

export const NAMES = new Set(['jobs', 'schedules', 'sweeps', 'ranges', 'models', 'graphs', 'datasets']);

/** Names that readers try for a section, the API's own among them. */
const ALIASES = { training_jobs: 'jobs', job: 'jobs', lr_range_tests: 'ranges', 'range-tests': 'ranges', range_tests: 'ranges', range: 'ranges', sweep: 'sweeps', lr_schedules: 'schedules', schedule: 'schedules', playground: 'schedules', model: 'models', graph: 'graphs', dataset: 'datasets', 'data-sets': 'datasets' };

/**
 * Return the section, the name, what follows it and the parameters in an address such as `#/models/films/3` or
 * `#/schedules?state=…`; jobs for an address that names nothing, no section for one that names what is not there.
 */
export function parseRoute(hash) {
  const [, asked = '', path = '', query = ''] = /^#\/([^/?&]+)((?:\/[^/?&]+)*)\/?(?:[?&](.*))?$/.exec(hash) ?? [];
  const section = Object.hasOwn(ALIASES, asked) ? ALIASES[asked] : asked || (/^#?\/?$/.test(hash) ? 'jobs' : '');
  const [name = '', ...rest] = path.split('/').filter(Boolean).map(readable);
  const known = NAMES.has(section);
  return known ? { section, name, rest, query: Object.fromEntries(new URLSearchParams(query)) } : { section: null, name: '', rest: [], query: {} };
}

function readable(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Return a value as text that an address can carry: JSON in UTF-8 in base64url. */
export function packed(value) {
  const text = String.fromCodePoint(...new TextEncoder().encode(JSON.stringify(value)));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Return the value that `packed` made a text of, or null when the text is none of its own. */
export function unpacked(text) {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (sign) => sign.codePointAt(0))));
  } catch {
    return null;
  }
}
