// Specs of jobs on the two sample sets that come with Gradus, without a data set and without a schedule.

const LEAKS = ['death', 'd.time', 'hospdead', 'slos', 'sfdm2', 'surv2m', 'surv6m', 'prg2m', 'prg6m', 'sps', 'dnr', 'dnrday', 'adlp', 'adls', 'adlsc', 'avtisst', 'charges', 'totcst', 'totmcst'];

/** What a job on each kind of data set starts from; `leaks` are columns written after the outcome was known. */
export const SAMPLES = [
  {
    id: 'films', title: 'Recommender, as in the films sample', kind: 'interactions',
    spec: {
      model: 'films', task: { name: 'recommend', feedback: 'implicit', evaluation: { protocol: 'leave_one_out', k: [10] } },
      net: { name: 'mf', embedding_dim: 64, loss: 'bpr', negatives: 1 }, optimizer: { name: 'adamw', weight_decay: 0.1 },
      batch_size: 2048, epochs: 10, seed: 7,
    },
  },
  {
    id: 'patients', title: 'Diagnosis, as in the patients sample', kind: 'records',
    spec: {
      model: 'death-within-180-days', task: { name: 'diagnose', target: 'death_180d', type: 'binary', exclude: LEAKS },
      net: { name: 'mlp', hidden: [128, 64], dropout: 0.3, numbers: 'quantile' }, optimizer: { name: 'adamw', weight_decay: 0.05 },
      batch_size: 256, epochs: 20, seed: 7,
    },
  },
];

/** Return whether a data set is of a sample's kind and has the columns that its job names. */
export function fits({ kind, spec: { task } }, dataset) {
  const names = new Set((dataset.columns ?? []).map((column) => column.name));
  return dataset.kind === kind && [task.target, ...(task.exclude ?? [])].every((name) => name === undefined || names.has(name));
}
