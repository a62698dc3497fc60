// One version of a model: what it is worth, where it comes from, and the net inside.

import { get } from './api.js';
import { h, put } from './dom.js';
import { ago, clock, fixed, metricName, metricOrder, shortId } from './format.js';
import { NetGraph } from './graphs/net_graph.js';
import { plainMetrics } from './job_parts.js';
import { chips } from './models.js';
import { Trouble, code } from './notices.js';
import { versionAddress } from './route.js';

const WHOLE = /^[1-9]\d*$/;

/** Show version `rest[0]` of the model `name` in `root`. */
export function showVersion(root, { name, rest: [number], signal, absent }) {
  const model = `#/models/${encodeURIComponent(name)}`;
  const none = (error) => absent(error, { thing: 'version', ways: [[model, `The model ${name}`]] });
  if (!WHOLE.test(number)) {
    none({ message: `a version is a whole number, as in ${versionAddress(name, 1)}` });
    return;
  }
  const base = `/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(number)}`;
  const trouble = new Trouble({ absent: none });
  const facts = h('div', { class: 'stack' });
  const graph = new NetGraph(base, { name: `${name}-${number}`, signal });
  put(root, h('p', { class: 'crumbs' }, h('a', { href: '#/models' }, 'Models'), ' / ', h('a', { href: model }, name), ` / version ${number}`),
    h('div', { class: 'head' }, h('h1', {}, `${name}, version ${number}`)), trouble.element, facts, graph.element);
  document.title = `${name} ${number} · Gradus`;
  get(base, { signal }).then((version) => { put(facts, factList(version), h('details', { class: 'card' }, h('summary', {}, 'Model card as JSON'), code(JSON.stringify(version.card ?? version, null, 2)))); return graph.load(); })
    .catch((error) => { if (!signal.aborted) trouble.asked(error); });
}

function factList(version) {
  const metrics = plainMetrics(version.metrics);
  const rows = [...metricOrder(Object.keys(metrics)).slice(0, 6).map((name) => [metricName(name), fixed(metrics[name])]), ['Task', version.task], ['Aliases', chips(version.aliases ?? [])],
    ['Job', version.job ? h('a', { href: `#/jobs/${encodeURIComponent(version.job)}`, title: version.job }, shortId(version.job)) : '–'], ['Created', h('time', { datetime: version.created_at, title: clock(version.created_at) }, ago(version.created_at))]];
  return h('dl', { class: 'facts' }, rows.map(([label, value]) => h('div', {}, h('dt', {}, label), h('dd', {}, value))));
}
