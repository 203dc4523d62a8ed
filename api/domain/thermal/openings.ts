import type { Opening } from './facts.ts'

/**
 * When any door stood open, of what was told of each in order of time: what a door said holds until it says otherwise.
 * Of several open at once it is one opening.
 */
export function openingsOf(
  told: readonly { readonly at: number; readonly door: string; readonly open: boolean }[],
): readonly Opening[] {
  const openings: { from: number; to: number | null }[] = []
  const open = new Set<string>()
  for (const { at, door, open: isOpen } of told) {
    if (isOpen) {
      if (open.size === 0) openings.push({ from: at, to: null })
      open.add(door)
    } else if (open.delete(door) && open.size === 0) {
      const last = openings.at(-1)
      if (last) last.to = at
    }
  }
  return openings
}
