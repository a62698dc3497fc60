// Addresses of the page's views.

export const NAMES = new Set(['jobs', 'schedules', 'sweeps', 'ranges', 'models', 'graphs', 'datasets']);

/**
 * Return the section, the name, what follows it and the parameters in an address such as `#/models/films/3` or
 * `#/schedules?state=…`.
 */
export function parseRoute(hash) {
  const [, section = 'jobs', path = '', query = ''] = /^#\/([a-z]+)((?:\/[^/?&]+)*)\/?(?:[?&](.*))?$/.exec(hash) ?? [];
  const [name = '', ...rest] = path.split('/').filter(Boolean).map(readable);
  const known = NAMES.has(section);
  return known ? { section, name, rest, query: Object.fromEntries(new URLSearchParams(query)) } : { section: 'jobs', name: '', rest: [], query: {} };
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
