/** A way somebody has measured. */
export type ToldWay = {
  readonly from: string
  readonly to: string
  /** From door to door at the 80th percentile. */
  readonly minutes: number
  /** In which hours of the wall clock, 0 to 23; in all that nothing else is said of where absent. */
  readonly hours?: readonly number[] | undefined
}

/** How many minutes a way takes in an hour of the wall clock; null where nobody said. */
export type TravelTable = (from: string, to: string, hour: number) => number | null

const always = 'always' as const

/**
 * @param isSymmetric each way takes as long as the way back, but where that is told, too
 * @throws Error naming a way that leads nowhere, or is told twice of the same hour
 */
export function travelTable(ways: readonly ToldWay[], isSymmetric: boolean): TravelTable {
  const told = new Map<string, number>()
  for (const { from, to, minutes, hours } of ways) {
    if (from === to) throw new Error(`a way leads from ${from} to ${to}`)
    for (const hour of hours ?? [always]) {
      const key = keyOf(from, to, hour)
      if (told.has(key))
        throw new Error(
          `the way from ${from} to ${to} is told twice${hour === always ? '' : ` of hour ${hour}`}`,
        )
      told.set(key, minutes)
    }
  }
  const oneWay: TravelTable = (from, to, hour) =>
    told.get(keyOf(from, to, hour)) ?? told.get(keyOf(from, to, always)) ?? null
  if (!isSymmetric) return oneWay
  return (from, to, hour) => oneWay(from, to, hour) ?? oneWay(to, from, hour)
}

function keyOf(from: string, to: string, hour: number | typeof always): string {
  return JSON.stringify([from, to, hour])
}
