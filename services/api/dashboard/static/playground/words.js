// What the fields of schedules mean, for those whose schema does not say it, and the families of the catalogue.

const MEANINGS = {
  duration: 'How long the phase lasts: steps, epochs, a share of the whole run, or what the others leave.',
  lr: 'Rate the phase works from: base_lr by default, previous for the value that the phase before ended at.',
  base_lr: 'The lower rate of a cycle; by default the schedule’s.',
  max_lr: 'The highest rate; of one_cycle by default the base rate.',
  eta_min: 'The rate the phase falls to.',
  start_factor: 'Share of the rate at the first step.',
  end_factor: 'Share of the rate at the end.',
  total_iters: 'Length of the change; the phase’s by default.',
  T_max: 'Length of the fall; the phase’s by default. Afterwards the lowest rate is held.',
  T_0: 'Length of the first cycle.',
  T_mult: 'Each cycle is this many times as long as the one before.',
  cycle_decay: 'Factor on the peak from one cycle to the next.',
  cycle_limit: 'Number of cycles; unlimited by default.',
  k_decay: 'Bends the curve: above 1 the rate stays high for longer.',
  step_size: 'Steps or epochs from one drop to the next.',
  offset: 'Moves the drops forward.',
  gamma: 'Factor of each drop or step.',
  milestones: 'Where the rate drops.',
  decay_steps: 'Length over which the rate falls by its factor.',
  decay_rate: 'How fast the rate falls.',
  staircase: 'Hold the rate between whole multiples of decay_steps.',
  power: 'Exponent of the fall: 1 is a straight line.',
  step_size_up: 'Length of the rise.',
  step_size_down: 'Length of the fall; as long as the rise by default.',
  shape: 'How the rate swings between its bounds.',
  mode: 'How the swings shrink.',
  momentum: 'Swing the momentum against the rate.',
  base_momentum: 'Momentum at the highest rate.',
  max_momentum: 'Momentum at the lowest rate.',
  pct_start: 'Share of the phase before the fall begins.',
  div_factor: 'The first rate is the highest divided by this.',
  final_div_factor: 'The last rate is the first divided by this.',
  anneal_strategy: 'Shape of the rise and fall.',
  three_phase: 'Fall back as long as it rose, then fall to almost nothing.',
  timescale: 'Steps over which the rate falls by √½; the warm-up’s length by default.',
  num_warmup_steps: 'Length of the warm-up.',
  num_decay_steps: 'Length of the last fall.',
  decay_type: 'Shape of the last fall.',
  n_cycles: 'Number of cycles, each twice as long as the one before.',
  lb: 'Where on the tanh the fall begins.',
  ub: 'Where on the tanh the fall ends.',
  points: 'Places and the rates that hold there.',
  interpolation: 'How the rate moves between two points.',
  monitor: 'The metric that is listened to.',
  factor: 'Factor on the rate.',
  patience: 'Evaluations without progress that are borne.',
  threshold: 'Smallest change that counts as progress.',
  threshold_mode: 'Whether the threshold is absolute or a share of the best value.',
  cooldown: 'Evaluations after a cut during which nothing is judged.',
  min_factor: 'Lowest the factor may fall to.',
  max_factor: 'Highest the factor may rise to.',
};

/** Return what a field means, or nothing. */
export function explained(name) {
  return MEANINGS[name] ?? '';
}

const FAMILIES = [
  ['Warm-up and constant', ['constant', 'linear']],
  ['Drops', ['step', 'multistep', 'piecewise']],
  ['Decay', ['cosine', 'polynomial', 'exponential', 'inverse_time', 'inverse_sqrt', 'rex', 'tanh']],
  ['Hold, then cool down', ['wsd', 'flat_cosine']],
  ['Cycles', ['cyclic', 'one_cycle', 'cosine_restarts', 'coslog']],
];

/** Return the catalogue as `[[family, entries]…]`; what listens to the loss stands last. */
export function families(entries) {
  const phases = entries.filter((entry) => entry.kind === 'phase');
  const placed = new Set(FAMILIES.flatMap(([, names]) => names));
  const found = FAMILIES.map(([title, names]) => [title, names.map((name) => phases.find((entry) => entry.name === name)).filter(Boolean)]);
  const others = [['Others', phases.filter((entry) => !placed.has(entry.name))], ['Feedback: listens to the training', entries.filter((entry) => entry.kind !== 'phase')]];
  return [...found, ...others].filter(([, members]) => members.length);
}
