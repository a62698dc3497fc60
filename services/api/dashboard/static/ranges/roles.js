// What a range test's suggestions are for, in words.

const NAMES = { peak: 'Peak of a decaying schedule', one_cycle_max: 'Peak of a one-cycle schedule', cyclic_max: 'Top of a cycle', cyclic_base: 'Base of a cycle', constant: 'Constant rate', cautious: 'Cautious constant rate' };

/** Return a role as people call it. */
export function roleName(role) {
  return NAMES[role] ?? role.replaceAll('_', ' ');
}
