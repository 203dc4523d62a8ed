import type { Condition } from './alarm.ts'

/** A bag that has departed and was not received. Instants are ms UTC. */
export type BagUnderWay = {
  readonly bagId: string
  /** The codes of the facilities it left, and is to reach. */
  readonly from: string
  readonly to: string
  readonly departedAt: number
  /** By the policy of its component for journeys; null where nothing is said. */
  readonly longestMs: number | null
}

const hourMs = 3_600_000

/**
 * What travels together: what departed from one facility for another within the same hour of the clock, UTC. A van that is
 * loaded past the hour is two.
 */
export function journeyOf({ from, to, departedAt }: Omit<BagUnderWay, 'longestMs'>): string {
  return `${from}>${to} ${new Date(Math.floor(departedAt / hourMs) * hourMs).toISOString().slice(0, 13)}Z`
}

/**
 * The journeys that have taken longer than the policy of any bag still on them allows, and the bags still on each. One
 * that has arrived is on its way until somebody receives or refuses it: it is in no storage before. Afterwards, or once its
 * fate is recorded, it is not.
 */
export function overdueJourneys<Bag extends BagUnderWay>(
  bags: readonly Bag[],
  now: number,
): { readonly condition: Condition; readonly bags: readonly [Bag, ...Bag[]] }[] {
  const journeys = new Map<string, [Bag, ...Bag[]]>()
  for (const bag of bags) {
    const part = journeyOf(bag)
    const others = journeys.get(part)
    if (others) others.push(bag)
    else journeys.set(part, [bag])
  }
  return [...journeys].flatMap(([part, together]) => {
    const limits = together.flatMap(({ departedAt, longestMs }) =>
      longestMs === null ? [] : [departedAt + longestMs],
    )
    const dueAt = Math.min(...limits)
    if (limits.length === 0 || now <= dueAt) return []
    const from = Math.min(...together.map(({ departedAt }) => departedAt))
    const condition = { kind: 'transit_overdue', part, from, to: null, class: 'action', dueAt } as const
    return [{ condition, bags: together }]
  })
}
