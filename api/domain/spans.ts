import type { Span } from './exposure.ts'

/** The same time in as few spans as tell it, by ascending `from`. */
export function merged(spans: readonly Span[]): Span[] {
  const all: Span[] = []
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = all.at(-1)
    if (last && from <= last.to) all[all.length - 1] = { from: last.from, to: Math.max(last.to, to) }
    else if (from < to) all.push({ from, to })
  }
  return all
}

/** The time that lies in one of them and not in the other, each merged, by ascending `from`. */
export function differing(one: readonly Span[], other: readonly Span[]): Span[] {
  const edges = [...new Set([...one, ...other].flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b)
  const holds = (spans: readonly Span[], at: number) => spans.some(({ from, to }) => from <= at && at < to)
  return merged(
    edges.flatMap((from, index) => {
      const to = edges[index + 1]
      return to !== undefined && holds(one, from) !== holds(other, from) ? [{ from, to }] : []
    }),
  )
}
