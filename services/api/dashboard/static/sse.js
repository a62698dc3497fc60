// Server-Sent Events (WHATWG HTML, section 9.2) over fetch: EventSource cannot send an Authorization header.

import { headers, problem } from './api.js';
import { key } from './session.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** A parser of an event stream: `feed(text)` returns the events that `text` completes. */
export class EventParser {
  #rest = '';
  #type = '';
  #content = [];
  lastId = '';
  retryMs = null;

  feed(text) {
    const events = [];
    this.#rest += text;
    // A lone CR at the end may be half of a CR LF: wait for the next piece.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line, events);
    return events;
  }

  #line(line, events) {
    if (line === '') this.#dispatch(events);
    else if (!line.startsWith(':')) this.#field(line);
  }

  #field(line) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#content.push(value);
    else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.lastId = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(events) {
    if (this.#content.length) events.push({ type: this.#type || 'message', content: this.#content.join('\n'), id: this.lastId });
    this.#type = '';
    this.#content = [];
  }
}

/**
 * Follow `path` until `signal` aborts: reconnects with Last-Event-ID, waiting longer after each failure.
 * `onEvent({type, content, id})`; `onState('live' | 'waiting' | 'refused', error?)`.
 */
export async function follow(path, { lastId = '', onEvent, onState, signal }) {
  const link = { lastId, wait: FIRST_WAIT_MS };
  while (!signal.aborted) {
    const outcome = await connect(path, link, { onEvent, onState, signal });
    if (outcome === 'stop' || signal.aborted) return;
    if (outcome === 'failed') {
      onState('waiting');
      await sleep(link.wait * (0.75 + Math.random() / 2), signal);
      link.wait = Math.min(link.wait * 2, LONGEST_WAIT_MS);
    }
  }
}

async function connect(path, link, { onEvent, onState, signal }) {
  const secret = key();
  try {
    const more = link.lastId ? { 'Last-Event-ID': link.lastId } : {};
    const response = await fetch(path, { headers: headers({ Accept: 'text/event-stream', ...more }), signal, cache: 'no-store' });
    if (!response.ok) return refusal(await problem(response, secret), onState);
    onState('live');
    return await read(response, link, onEvent);
  } catch {
    return 'failed';
  }
}

function refusal(error, onState) {
  if (error.status >= 500 || error.status === 429) return 'failed';
  onState('refused', error);
  return 'stop';
}

/** Read one connection to its end. The server ends long ones on purpose and says `reconnect`. */
async function read(response, link, onEvent) {
  const parser = new EventParser();
  parser.lastId = link.lastId;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return 'failed';
    for (const event of parser.feed(value)) {
      link.lastId = event.id;
      link.wait = parser.retryMs ?? FIRST_WAIT_MS;
      if (event.type === 'reconnect') return 'again';
      if (onEvent(event) === 'stop') return 'stop';
    }
  }
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
