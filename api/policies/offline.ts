/**
 * For how long a terminal that is cut off may go by what it was told last: policy. The version is kept with every list.
 * Within `freshMs` it answers as if it were online; from then on it has people call, for a recall may have been missed;
 * from `refuseMs` on it knows nothing any more, and what is taken is taken by key, in an emergency too.
 */
export const cnOffline = {
  version: 1,
  freshMs: 15 * 60_000,
  refuseMs: 24 * 3_600_000,
  /** Who is connected is told again so often, with nothing changed: what is told is as fresh as this. */
  refreshMs: 5 * 60_000,
  /** What changes other than holds is told at most so often. */
  settleMs: 10_000,
  /** A list is kept for so long after another took its place: what was decided by it may be checked until then. */
  keptMs: 7 * 86_400_000,
  /** A terminal's clock may be ahead of ours by so much, as a device's may. */
  aheadMs: 10 * 60_000,
} as const
