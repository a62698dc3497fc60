// A job's curve as columns that grow: what came with the first answer, then what the stream brings.

const COLUMNS = ['steps', 'lr', 'loss', 'grad_norm', 'planned_lr', 'effective_lr'];
const MOST_POINTS = 6_000;
const KEPT_BUCKETS = 800;

export class Curve {
  steps = [];
  lr = [];
  loss = [];
  grad_norm = [];
  planned_lr = [];
  effective_lr = [];
  lr_events = [];
  drift = null;
  evaluations = [];
  plan = { steps: [], lr: [] };

  /** Begin again with the answer of `GET …/curve`. */
  load(answer) {
    for (const name of COLUMNS) this[name] = [...(answer[name] ?? answer.steps.map(() => null))];
    this.plan = answer.plan ?? this.plan;
    this.lr_events = answer.lr_events ?? [];
    this.drift = answer.lr_drift ?? null;
    this.evaluations = [];
    for (const evaluation of answer.evaluations ?? []) this.addEvaluation(evaluation);
  }

  get lastStep() {
    return this.steps.length ? this.steps[this.steps.length - 1] : -1;
  }

  /** Add one point; a step that is here already (a resumed attempt repeats some) changes nothing. */
  addPoint(point) {
    if (!(point.step > this.lastStep)) return;
    this.steps.push(point.step);
    for (const name of COLUMNS.slice(1)) this[name].push(point[name] ?? null);
    if (this.steps.length > MOST_POINTS) this.#thin();
  }

  /** Add an evaluation unless its step is here already. */
  addEvaluation(evaluation) {
    if (this.evaluations.some((known) => known.step === evaluation.step)) return;
    this.evaluations.push(evaluation);
    this.evaluations.sort((a, b) => a.step - b.step);
  }

  #thin() {
    const kept = extremes(this.steps.length, [this.loss, this.lr], KEPT_BUCKETS);
    for (const name of COLUMNS) this[name] = kept.map((at) => this[name][at]);
  }
}

/**
 * Return the indices of the first and last point and of every bucket's smallest and largest value in each column.
 * Uniform sampling would lie about anything periodic; the drawn minimum and maximum stay the exact ones.
 */
export function extremes(length, columns, buckets) {
  const kept = new Set([0, length - 1]);
  const size = length / buckets;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const from = Math.floor(bucket * size);
    const to = Math.floor((bucket + 1) * size);
    for (const column of columns) addExtremes(column, from, to, kept);
  }
  return [...kept].sort((a, b) => a - b);
}

function addExtremes(column, from, to, kept) {
  let low = -1;
  let high = -1;
  for (let at = from; at < to; at += 1) {
    if (!Number.isFinite(column[at])) continue;
    if (low < 0 || column[at] < column[low]) low = at;
    if (high < 0 || column[at] > column[high]) high = at;
  }
  if (low >= 0) kept.add(low).add(high);
}

/**
 * Return `values` smoothed exponentially over the steps, with the bias of the start corrected.
 * The weight follows the distance in steps, since drawn points are not equally far apart.
 */
export function smooth(steps, values, halfLife) {
  let mean = 0;
  let weight = 0;
  let before = null;
  return values.map((value, at) => {
    if (!Number.isFinite(value)) return null;
    const decay = before === null ? 0 : 0.5 ** ((steps[at] - before) / halfLife);
    mean = decay * mean + (1 - decay) * value;
    weight = decay * weight + (1 - decay);
    before = steps[at];
    return mean / weight;
  });
}
