// What a range test's suggestions are for, in words.

const NAMES = { peak: 'Peak of a decaying schedule', constant: 'Constant rate', cautious: 'Cautious peak', base: 'Base of a cycle', max: 'Top of a cycle', cycle_low: 'Base of a cycle', cycle_high: 'Top of a cycle', cyclic_base: 'Base of a cycle', cyclic_max: 'Top of a cycle' };

/** Return a role as people call it. */
export function roleName(role) {
  return NAMES[role] ?? role.replaceAll('_', ' ');
}
