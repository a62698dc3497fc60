// The schedule of a job, as a job that is no fork can run it.

import { get } from './api.js';

/**
 * Return the schedule that `job` was asked for; where a fork's begins at `previous`, the rate that its parent had
 * planned there stands in its place. Lists leave that rate out: then the job is asked for.
 */
export async function ownSchedule(job, signal) {
  const { schedule } = job.spec;
  const [first, ...rest] = schedule.phases ?? [schedule];
  if (first?.lr !== 'previous') return schedule;
  const { resolved_schedule: resolved } = job.resolved_schedule ? job : await get(`/v1/training_jobs/${encodeURIComponent(job.id)}`, { signal });
  const begun = { ...first, lr: resolved?.parent_lr ?? 'previous' };
  return schedule.phases ? { ...schedule, phases: [begun, ...rest] } : begun;
}

/** Return what a job was asked for, as a training from step 0: of a fork with a schedule of its own as many epochs as that lasts. */
export async function specOf(job, signal) {
  if (!job.start_step) return job.spec;
  const whole = job.resolved_schedule ? job : await get(`/v1/training_jobs/${encodeURIComponent(job.id)}`, { signal });
  return { ...job.spec, epochs: Math.ceil(runOf(whole).total_steps / whole.steps_per_epoch) };
}

/** Return the updates that the schedule of a job is laid over (of a fork's own, those after its checkpoint) and those of an epoch. */
export function runOf({ total_steps: total, steps_per_epoch: epoch, resolved_schedule: resolved }) {
  return { total_steps: total - (resolved?.start_step ?? 0), steps_per_epoch: epoch };
}
