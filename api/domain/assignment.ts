type Costs = readonly (readonly (number | null)[])[]

/**
 * Gives out places to claimants in the order they come, exactly.
 *
 * Who gets one: whoever can be given one without anybody before them losing theirs, others moving over where that
 * helps. Sets that can be placed together are the independent sets of a transversal matroid, so this greedy choice places
 * as many as can be placed, and no other set that is as large has an earlier claimant where they first differ.
 *
 * Where: each claimant is added along the cheapest chain of moves, which keeps the total the least for those placed so
 * far (successive shortest paths), hence for all. Among equals the same answer for the same order of arguments.
 *
 * @param costs per claimant what each host costs, whole numbers; null where it is not for them
 * @param places how many each host takes
 * @returns per claimant the index of the host, or null
 */
export function assign(costs: Costs, places: readonly number[]): readonly (number | null)[] {
  const hosts: Host[] = places.map((room) => ({ room, guests: new Set(), price: 0, moves: null }))
  const hostOf: (number | null)[] = costs.map(() => null)
  for (const claimant of costs.keys()) {
    for (const { guest, to } of cheapestChain(claimant, costs, hosts, hostOf)) {
      hosts[hostOf[guest] ?? -1]?.guests.delete(guest)
      const host = hosts[to] as Host
      host.guests.add(guest)
      // Whom a guest leaves another comes to, so that this forgets for both.
      host.moves = null
      hostOf[guest] = to
    }
  }
  return hostOf
}

type Host = {
  readonly room: number
  readonly guests: Set<number>
  /** What a place here is worth: each guest is where cost and price together are the least. 0 while there is room. */
  price: number
  /** For each host the guest who would move there at the least extra cost; null where that must be found out. */
  moves: readonly Move[] | null
}

type Move = { readonly guest: number; readonly to: number; readonly extra: number }

/**
 * Who moves where so that the claimant has a place, at the least extra cost, the last move first; empty: it cannot be.
 * Dijkstra's search, for which the prices make all costs of going on positive, and which they are raised by.
 */
function cheapestChain(
  claimant: number,
  costs: Costs,
  hosts: readonly Host[],
  hostOf: readonly (number | null)[],
): readonly Omit<Move, 'extra'>[] {
  // What it costs in all that one more comes to each host, and who that is.
  const total = (costs[claimant] as Costs[number]).map((cost) => cost ?? Number.POSITIVE_INFINITY)
  const comer = total.map(() => claimant)
  const priced = (index: number) => (total[index] as number) + (hosts[index] as Host).price
  const waiting = new Set(hosts.keys())
  const passed: number[] = []
  let end = leastOf(waiting, priced)
  while (end !== null && !hasRoom(hosts[end] as Host)) {
    const host = hosts[end] as Host
    waiting.delete(end)
    passed.push(end)
    host.moves ??= movesFrom(end, host, costs)
    for (const { guest, to, extra } of host.moves) {
      const cost = (total[end] as number) + extra
      if (cost >= (total[to] as number)) continue
      total[to] = cost
      comer[to] = guest
    }
    end = leastOf(waiting, priced)
  }
  if (end === null) return []

  const least = total[end] as number
  for (const [index, cost] of passed.map((one) => [one, priced(one)] as const))
    (hosts[index] as Host).price += least - cost
  const chain: Omit<Move, 'extra'>[] = []
  for (let to: number | null = end; to !== null; to = hostOf[chain.at(-1)?.guest ?? claimant] ?? null)
    chain.push({ guest: comer[to] as number, to })
  return chain
}

/** Null: it cannot be reached. */
function leastOf(waiting: ReadonlySet<number>, priced: (index: number) => number): number | null {
  let least: number | null = null
  let lowest = Number.POSITIVE_INFINITY
  for (const index of waiting) {
    const cost = priced(index)
    if (cost >= lowest) continue
    least = index
    lowest = cost
  }
  return least
}

function hasRoom({ room, guests }: Host): boolean {
  return guests.size < room
}

function movesFrom(from: number, { guests }: Host, costs: Costs): readonly Move[] {
  const cheapest = new Map<number, Move>()
  for (const guest of guests) {
    const own = costs[guest] as Costs[number]
    own.forEach((cost, to) => {
      if (cost === null || to === from) return
      const extra = cost - (own[from] as number)
      if (extra < (cheapest.get(to)?.extra ?? Number.POSITIVE_INFINITY))
        cheapest.set(to, { guest, to, extra })
    })
  }
  return [...cheapest.values()]
}
