// Addresses of the page's views.

export const NAMES = new Set(['jobs', 'models', 'datasets']);

/** Return the section and the name in an address such as `#/jobs/job_…`. */
export function parseRoute(hash) {
  const [, section = 'jobs', name = ''] = /^#\/([a-z]+)(?:\/([^/?&]+))?/.exec(hash) ?? [];
  return { section: NAMES.has(section) ? section : 'jobs', name: decodeURIComponent(name) };
}
