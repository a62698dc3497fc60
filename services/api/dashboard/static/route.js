// Addresses of the page's views.

/** The sections, and how many parts may follow each: the name of one thing, or that and the version of a model. */
const DEPTHS = new Map(Object.entries({ jobs: 1, schedules: 0, sweeps: 1, ranges: 1, models: 2, graphs: 0, datasets: 0 }));

/** Names that readers try for a section, the API's own among them. */
const ALIASES = { training_jobs: 'jobs', job: 'jobs', lr_range_tests: 'ranges', 'range-tests': 'ranges', range_tests: 'ranges', range: 'ranges', sweep: 'sweeps', lr_schedules: 'schedules', schedule: 'schedules', playground: 'schedules', model: 'models', graph: 'graphs', dataset: 'datasets', 'data-sets': 'datasets' };

/**
 * Return the section, the name, what follows it and the parameters in an address such as `#/models/films/3` or
 * `#/schedules?state=…`; jobs for an address that names nothing, no section for one that names what is not there. As
 * in the API's addresses, `versions` may stand between a model and its version.
 */
export function parseRoute(hash) {
  const [, asked = '', path = '', query = ''] = /^#\/([^/?&]+)((?:\/[^/?&]+)*)\/?(?:[?&](.*))?$/.exec(hash) ?? [];
  const section = Object.hasOwn(ALIASES, asked) ? ALIASES[asked] : asked || (/^#?\/?$/.test(hash) ? 'jobs' : '');
  const parts = path.split('/').filter(Boolean).map(readable);
  if (section === 'models' && /^versions?$/.test(parts[1])) parts.splice(1, 1);
  if (!(parts.length <= DEPTHS.get(section))) return { section: null, name: '', rest: [], query: {} };
  const [name = '', ...rest] = parts;
  return { section, name, rest, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** Return the address of the page of a model's version. */
export function versionAddress(model, version) {
  return `#/models/${encodeURIComponent(model)}/${version}`;
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
