// The public REST API and nothing else; RFC 9457 problems become ApiError.

import { key, refuseKey } from './session.js';

/** How the detail of a problem points to its errors. */
const POINTER = /; errors says \w+$/;

/** A refused or failed request; `errors` name the places of bad input, and a message that `isPointer` only leads to them. */
export class ApiError extends Error {
  constructor(status, problem) {
    const said = problem.detail || problem.title || `the server answered ${status}`;
    super(said.replace(POINTER, ''));
    this.isPointer = POINTER.test(said);
    this.status = status;
    this.code = problem.code ?? '';
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
    this.retryAfter = problem.retryAfter ?? null;
  }
}

/** Return the headers that every request carries. */
export function headers(extra = {}) {
  const secret = key();
  return secret ? { Authorization: `Bearer ${secret}`, ...extra } : { ...extra };
}

/** Fetch `path`; raises ApiError (status 0 when the server cannot be reached). */
export async function request(path, { method = 'GET', body, accept = 'application/json', more = {}, signal } = {}) {
  const secret = key();
  const sent = headers({ Accept: accept, ...more });
  if (body !== undefined) sent['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, { detail: 'The server does not answer.' });
  }
  if (!response.ok) throw await problem(response, secret);
  return response;
}

/** Return the ApiError of an answer that is not 2xx; a 401 ends the use of the `secret` that was sent. */
export async function problem(response, secret) {
  if (response.status === 401) refuseKey(secret);
  let content = {};
  try {
    content = await response.json();
  } catch {
    content = { detail: response.statusText };
  }
  content.retryAfter = Number(response.headers.get('Retry-After')) || null;
  return new ApiError(response.status, content);
}

/** GET `path` as JSON. */
export async function get(path, options = {}) {
  return (await request(path, options)).json();
}

/** POST `body` to `path`; returns the JSON answer, or null when there is none. */
export async function post(path, body, options = {}) {
  const response = await request(path, { method: 'POST', body, ...options });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** GET `path` (or POST a `body` to it) in the form `accept` and hand the answer to the browser as a file. */
export async function download(path, accept, name, options = {}) {
  const blob = await (await request(path, { accept, ...options })).blob();
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
