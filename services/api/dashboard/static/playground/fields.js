// Fields made from a JSON Schema: one small control for each kind of value, and none that knows a schedule by name.

import { freshId, h, put } from '../dom.js';
import { number } from '../format.js';
import { explained } from './words.js';

const UNITS = [['st', 'steps'], ['ep', 'epochs'], ['%', '%']];
const LENGTH = /^(\d+(?:\.\d+)?)(st|ep|%)$/;

/** Return a schema without references and without the alternative null, and whether null was one. */
export function plain(schema, defs) {
  if (schema.$ref) return plain({ ...defs[schema.$ref.split('/').pop()], ...without(schema, '$ref') }, defs);
  const options = schema.anyOf ?? schema.oneOf;
  if (!options) return { schema, nullable: false };
  const left = options.filter((option) => option.type !== 'null');
  const rest = { ...without(schema, 'anyOf'), oneOf: undefined };
  if (left.length === 1) return { schema: { ...plain(left[0], defs).schema, ...meaning(rest) }, nullable: left.length < options.length };
  return { schema: { ...rest, anyOf: left }, nullable: left.length < options.length };
}

function without(schema, name) {
  const { [name]: dropped, ...rest } = schema;
  return rest;
}

function meaning(schema) {
  return Object.fromEntries(Object.entries(schema).filter(([name, value]) => ['title', 'description', 'default', 'examples'].includes(name) && value !== undefined));
}

/**
 * Return `{element}` of one property: its label, its control, what it means and its default.
 * `change(value)` hears of every edit; undefined means that the field was emptied and its default holds.
 */
export function field({ name, schema: written, defs, value, path, required = false, change, note }) {
  const { schema } = plain(written, defs);
  const control = controlOf({ schema, defs, value, path, change });
  const fallback = shownDefault(written.default ?? schema.default, required);
  const hint = [note ?? written.description ?? schema.description ?? explained(name), fallback].filter(Boolean).join(' ');
  const help = h('small', { class: 'quiet', id: freshId('help') }, hint);
  const caught = h('small', { class: 'wrong', id: freshId('wrong'), hidden: true });
  control.input.id ||= freshId('field');
  control.input.setAttribute('aria-describedby', `${help.id} ${caught.id}`);
  const group = control.wide ? { role: 'group', 'aria-label': name } : {};
  const element = h('div', { class: 'field', 'data-path': JSON.stringify(path), 'data-wide': control.wide ? 'yes' : null, ...group },
    control.wide ? h('span', { class: 'label' }, name) : h('label', { for: control.input.id }, name), control.element, help, caught);
  return { element };
}

/** Return the fields of an object, those that it requires first; `edit(name)` gives what hears of edits of that one. */
export function fieldsOf({ schema, defs = {}, values, path, edit }) {
  const required = (name) => Boolean(schema.required?.includes(name));
  const names = Object.keys(schema.properties).filter((name) => name !== 'name').sort((one, other) => required(other) - required(one));
  return names.map((name) => field({ name, schema: schema.properties[name], defs: { ...defs, ...schema.$defs }, value: values[name], path: [...path, name], required: required(name), change: edit(name) }).element);
}

function shownDefault(value, required) {
  if (required) return 'Required.';
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return `Default ${number(value, 4)}.`;
  if (typeof value === 'object') return `Default ${JSON.stringify(value)}.`;
  return `Default ${value}.`;
}

function controlOf(asked) {
  const { schema } = asked;
  if (isLength(schema)) return lengthControl(asked);
  if (schema.enum) return choiceControl(asked, schema.enum);
  if (schema.type === 'boolean') return choiceControl(asked, [false, true]);
  if (schema.type === 'number' || schema.type === 'integer') return numberControl(asked);
  if (schema.anyOf?.some((option) => 'const' in option)) return wordOrNumberControl(asked);
  if (schema.type === 'object' && schema.properties) return groupControl(asked);
  if (schema.type === 'array') return listControl(asked);
  return schema.type === 'string' ? textControl(asked) : jsonControl(asked);
}

export function isLength(schema) {
  return schema.type === 'string' && (schema.pattern ?? '').includes('st|ep|%');
}

function lengthControl({ schema, value, change }) {
  const [, amount = '', unit = value === 'rest' ? 'rest' : 'st'] = LENGTH.exec(value ?? '') ?? [];
  const rest = schema.pattern.includes('rest') ? [['rest', 'the rest']] : [];
  const fallback = schema.default && typeof schema.default === 'object' ? schema.default.amount : '';
  const input = h('input', { type: 'text', inputmode: 'decimal', autocomplete: 'off', size: '7', value: amount, placeholder: fallback, hidden: unit === 'rest' });
  const units = h('select', { 'aria-label': 'unit' }, [...UNITS, ...rest].map(([sign, word]) => h('option', { value: sign, selected: sign === unit }, word)));
  const tell = () => {
    input.hidden = units.value === 'rest';
    if (units.value === 'rest') change('rest');
    else change(input.value.trim() === '' ? undefined : `${input.value.trim()}${units.value}`);
  };
  input.addEventListener('input', tell);
  units.addEventListener('change', tell);
  return { input: unit === 'rest' ? units : input, element: h('span', { class: 'joined' }, input, units) };
}

/** What is no number goes on as it stands: the server says what is wrong with it, at this field. */
export function read(text) {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

function numberControl({ schema, value, change }) {
  const input = h('input', { type: 'text', inputmode: 'decimal', autocomplete: 'off', value: value ?? '', placeholder: typeof schema.default === 'number' ? number(schema.default, 4) : '' });
  input.addEventListener('input', () => change(read(input.value)));
  return { input, element: input };
}

function textControl({ schema, value, change }) {
  const input = h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', value: value ?? '', placeholder: schema.default ?? '' });
  input.addEventListener('input', () => change(input.value === '' ? undefined : input.value));
  return { input, element: input };
}

function choiceControl({ schema, value, change }, choices) {
  const chosen = value ?? schema.default;
  const unset = chosen === undefined ? [h('option', { value: '', selected: true }, '–')] : [];
  const input = h('select', {}, unset, choices.map((choice, at) => h('option', { value: at, selected: choice === chosen }, choice === true ? 'yes' : choice === false ? 'no' : String(choice))));
  input.addEventListener('change', () => change(input.value === '' ? undefined : choices[Number(input.value)]));
  return { input, element: input };
}

/** A number, or one of a few words such as `previous`. */
function wordOrNumberControl({ schema, value, change }) {
  const words = schema.anyOf.filter((option) => 'const' in option).map((option) => option.const);
  const isWord = words.includes(value);
  const input = h('input', { type: 'text', inputmode: 'decimal', autocomplete: 'off', size: '7', value: isWord ? '' : value ?? '', hidden: value === undefined || value === null || isWord });
  const kinds = h('select', {}, [['', 'default'], ...words.map((word) => [word, word]), ['#', 'a value']].map(([sign, word]) => h('option', { value: sign, selected: isWord ? sign === value : sign === (input.hidden ? '' : '#') }, word)));
  const tell = () => {
    input.hidden = kinds.value !== '#';
    change(kinds.value === '#' ? read(input.value) : kinds.value || undefined);
  };
  kinds.addEventListener('change', () => { tell(); if (!input.hidden) input.focus(); });
  input.addEventListener('input', tell);
  input.setAttribute('aria-label', 'value');
  return { input: kinds, element: h('span', { class: 'joined' }, kinds, input) };
}

/** An object that may be left out: a box to have it, and its own fields. */
function groupControl({ schema, defs, value, path, change }) {
  let kept = value && typeof value === 'object' ? { ...value } : {};
  const box = h('input', { type: 'checkbox', id: freshId('have') });
  box.checked = Boolean(value);
  const inside = h('div', { class: 'fields-grid' });
  const edit = (name) => (now) => { kept = changed(kept, name, now); change(kept); };
  const draw = () => put(inside, box.checked ? fieldsOf({ schema, defs, values: kept, path, edit }) : null);
  box.addEventListener('change', () => { draw(); change(box.checked ? kept : undefined); });
  draw();
  return { input: box, wide: true, element: h('div', { class: 'stack' }, h('span', { class: 'check' }, box, h('label', { for: box.id }, 'use it')), inside) };
}

/** A list, each entry in a row of its own; a fixed pair such as [length, value] stands side by side. */
function listControl({ schema, defs, value, path, change }) {
  let entries = Array.isArray(value) ? [...value] : [];
  const rows = h('ol', { class: 'entries' });
  const add = h('button', { type: 'button', class: 'small' }, 'Add an entry');
  const tell = () => change(entries.length ? entries : undefined);
  const draw = () => put(rows, entries.map((entry, at) => h('li', { class: 'joined' },
    entryControl({ schema: schema.items ?? {}, defs, value: entry, path: [...path, at], change: (now) => { entries = entries.with(at, now ?? ''); tell(); } }),
    h('button', { type: 'button', class: 'small plain', 'aria-label': `Remove entry ${at + 1}`, onclick: () => { entries = entries.toSpliced(at, 1); draw(); tell(); add.focus(); } }, '✕'))));
  add.addEventListener('click', () => { entries = [...entries, structuredClone(entries.at(-1) ?? (schema.items?.prefixItems ? ['0%', 0.1] : '50%'))]; draw(); tell(); });
  draw();
  return { input: add, wide: true, element: h('div', { class: 'stack' }, rows, add) };
}

function entryControl({ schema: written, defs, value, path, change }) {
  const { schema } = plain(written, defs);
  if (!schema.prefixItems) {
    const control = controlOf({ schema, defs, value, path, change });
    control.input.setAttribute('aria-label', `entry ${path.at(-1) + 1}`);
    return control.element;
  }
  let pair = Array.isArray(value) ? [...value] : [];
  return schema.prefixItems.map((one, at) => {
    const control = controlOf({ schema: plain(one, defs).schema, defs, value: pair[at], path: [...path, at], change: (now) => { pair = pair.with(at, now ?? ''); change(pair); } });
    control.input.setAttribute('aria-label', `entry ${path.at(-1) + 1}, ${at === 0 ? 'where' : 'value'}`);
    return control.element;
  });
}

function jsonControl({ value, change }) {
  const input = h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', class: 'mono', value: value === undefined ? '' : JSON.stringify(value) });
  input.addEventListener('input', () => {
    try {
      change(input.value.trim() === '' ? undefined : JSON.parse(input.value));
    } catch {
      change(input.value);
    }
  });
  return { input, element: input };
}

/** Return `whole` with `name` set to `value`, or without it when that is undefined. */
export function changed(whole, name, value) {
  const { [name]: before, ...rest } = whole;
  if (value === undefined) return rest;
  return name in whole ? { ...whole, [name]: value } : { ...rest, [name]: value };
}
