// Where the page starts: the key, the header, and the view that the address names.

import { h, put } from './dom.js';
import { startHeader } from './header.js';
import { absentBox, keyBox, refusedBox } from './notices.js';
import { key, onKeyChange, takeKeyFromAddress, wasRefused } from './session.js';
import { showDatasets } from './datasets.js';
import { showExpression } from './graphs/expression.js';
import { showJob } from './job.js';
import { showJobs } from './jobs.js';
import { showModel } from './model.js';
import { showModels } from './models.js';
import { showPlayground } from './playground/page.js';
import { showNewSweep } from './sweeps/create.js';
import { showSweeps } from './sweeps/list.js';
import { showSweep } from './sweeps/sweep.js';
import { showNewRange } from './ranges/create.js';
import { showRanges } from './ranges/list.js';
import { showRange } from './ranges/test.js';
import { showVersion } from './version.js';
import { parseRoute } from './route.js';

const SECTIONS = {
  jobs: { title: 'Jobs', list: showJobs, one: showJob, thing: 'job' },
  schedules: { title: 'Schedules', list: showPlayground },
  sweeps: { title: 'Sweeps', list: showSweeps, one: (root, asked) => (asked.name === 'new' ? showNewSweep : showSweep)(root, asked), thing: 'sweep' },
  ranges: { title: 'LR range tests', list: showRanges, one: (root, asked) => (asked.name === 'new' ? showNewRange : showRange)(root, asked), thing: 'range test' },
  models: { title: 'Models', list: showModels, one: (root, asked) => (asked.rest.length ? showVersion : showModel)(root, asked), thing: 'model' },
  graphs: { title: 'Computation graphs', list: showExpression },
  datasets: { title: 'Data sets', list: showDatasets },
};

const EVERYWHERE = Object.entries(SECTIONS).map(([name, { title }]) => [`#/${name}`, title]);
const MISSING = { title: 'No such page', list: (root, { absent }) => absent({}, { thing: 'page', ways: EVERYWHERE }) };

let leaving = new AbortController();

function show(moved) {
  leaving.abort();
  leaving = new AbortController();
  const { section, name, rest, query } = parseRoute(location.hash);
  markSection(section);
  const view = SECTIONS[section] ?? MISSING;
  document.title = `${name || view.title} · Gradus`;
  const root = document.getElementById('main');
  const page = h('div', { class: 'page', 'data-view': name ? `${section}-one` : section ?? 'missing' });
  put(root, page);
  if (!key()) put(page, wasRefused() ? refusedBox() : null, keyBox());
  else (name ? view.one : view.list)(page, { name, rest, query, signal: leaving.signal, absent: absence(page, { view, section }, leaving) });
  // Only a move inside the page takes the focus along; a first load leaves it where the reader has it.
  if (moved) root.focus({ preventScroll: true });
}

/** Return what a page calls that finds nothing to show at its address: it ends, and a notice takes its place. */
function absence(page, { view, section }, left) {
  return (why, { thing = view.thing, ways = [] } = {}) => {
    left.abort();
    document.title = `No such ${thing} · Gradus`;
    put(page, absentBox(why, { thing, ways: section ? [...ways, [`#/${section}`, view.title]] : ways }));
  };
}

function markSection(section) {
  for (const link of document.querySelectorAll('.nav a')) {
    if (link.dataset.section === section) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

takeKeyFromAddress();
startHeader();
// The address names views, so that the link to the content must not go through it.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});
onKeyChange(() => show(false));
addEventListener('hashchange', () => {
  takeKeyFromAddress();
  show(true);
  scrollTo(0, 0);
});
show(false);
