// Columns for one chart from tables that have steps of their own.

/**
 * Return `[xs, column…]` of tables `[[steps, column…]…]` over the union of their steps. A step that a table does not
 * have is undefined in its columns: the line goes past it. null stays null: the line breaks there.
 */
export function aligned(tables) {
  const xs = [...new Set(tables.flatMap(([own]) => own))].sort((a, b) => a - b);
  const place = new Map(xs.map((x, at) => [x, at]));
  const columns = tables.flatMap(([own, ...values]) => values.map((value) => laid(own, value, { place, length: xs.length })));
  return [xs, ...columns];
}

function laid(own, values, { place, length }) {
  const column = new Array(length).fill(undefined);
  own.forEach((x, at) => { column[place.get(x)] = values[at]; });
  return column;
}

/** Return whether a column holds any number. */
export function anyNumber(column) {
  return Boolean(column?.some(Number.isFinite));
}

/** Give a chart other series only when they differ from those it has, so that its cursor stays. */
export function setLines(chart, series) {
  const text = JSON.stringify(series);
  if (chart.lines === text) return;
  chart.lines = text;
  chart.setSeries(series);
}
