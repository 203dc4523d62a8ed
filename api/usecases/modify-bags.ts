import type { Process } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { parseDin } from '../domain/isbt128/label.ts'
import { planModification, processOf, type Wanted } from '../domain/modification.ts'
import { Refusal } from '../domain/refusal.ts'
import {
  appendEvent,
  type Bag,
  factsWith,
  insertBag,
  insertLineage,
  labelOf,
  lockBags,
} from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { isCollectedHere, lockIdentifier, shareIdentifiers } from '../stores/donations.ts'
import { rulesAt } from '../stores/facilities.ts'
import { insertModification, productsAt } from '../stores/products.ts'
import { actOnBag } from './act-on-bag.ts'
import { reachBag } from './demand.ts'
import { moveTags, standingTags, type TagMove, tagMoves } from './move-tags.ts'
import { uuidv7 } from './register-bag.ts'

export type ModifyInput = {
  /** Null: the one by which the catalogue lets these be made. */
  readonly process: Process | null
  readonly bagIds: readonly string[]
  readonly children: readonly (Wanted & { readonly tag?: string | undefined })[]
  /** The number of a pool, typed or scanned. */
  readonly din?: string | undefined
  readonly method?: string | undefined
  readonly equipment?: string | undefined
  readonly lots?: readonly string[] | undefined
  /** Otherwise tags stay where they are. */
  readonly movesTags: boolean
}

export type Modified = { readonly id: string; readonly process: Process; readonly children: readonly Bag[] }

/**
 * Make bags of bags: separate, split, pool, wash, irradiate, thaw. The catalogue says what may be made of what. Each child
 * is as far in its life as what it was made of, whose own life is over.
 *
 * @throws Refusal `illegal_move`, `held`, `expired`, `reserved`, `already_exists`, `invalid_request`, `not_in_catalogue`,
 * `incompatible`, `conflict`, `not_found`, `forbidden`
 */
export async function modifyBags(ctx: Context, input: ModifyInput): Promise<Modified> {
  const now = ctx.now()
  const bagIds = [...new Set(input.bagIds)].sort()
  if (bagIds.length < input.bagIds.length)
    throw new Refusal('invalid_request', 'bags: one of them is named twice')
  return ctx.database.db.transaction(async (tx) => {
    // What is made is a bag of its number, too: nobody registers thousands meanwhile.
    await shareIdentifiers(tx)
    const number = input.process === 'pool' ? await poolNumber(tx, input.din) : null
    const tags = input.movesTags ? await standingTags(tx, bagIds, input.children) : null
    await lockBags(tx, bagIds)
    const parents: Bag[] = []
    for (const id of bagIds) parents.push(await reachBag(ctx, tx, id, 'bag.process'))
    const [first] = parents as [Bag, ...Bag[]]
    const { jurisdiction, timeZone } = await rulesAt(tx, first.holderId)
    const asked = { jurisdiction, scheme: first.scheme, at: now }
    const from = await productsAt(tx, { ...asked, codes: parents.map((parent) => parent.productCode) })
    const codes = parents.flatMap(({ productCode }) => [
      productCode,
      ...(from(productCode)?.makes ?? []).map(({ code }) => code),
    ])
    const known = await productsAt(tx, { ...asked, codes })
    const process = input.process ?? processOf({ ...first, label: labelOf(first) }, input.children, known)
    const children = input.children.map(({ tag: _, ...wanted }) => wanted)
    const ids = input.children.map(() => uuidv7(now))
    const modificationId = uuidv7(now)
    // First what speaks against each of them as it is: its state, its holds, its date, who it is kept for.
    for (const { id: bagId } of parents)
      await actOnBag(ctx, tx, { bagId, verb: 'process' }, () => ({
        verb: 'process',
        children: ids,
        process,
        modification: modificationId,
      }))
    const plan = planModification(process, parents.map(parentOf), children, { known, now, timeZone })
    const moves: readonly TagMove[] = tags ? tagMoves(process, tags, input.children) : []
    const versions = [
      ...new Set([...parents.map((one) => one.productCode), ...plan.map((one) => one.productCode)]),
    ]
    await insertModification(tx, ctx.actor, {
      ...{ id: modificationId, process, facilityId: first.holderId, at: now },
      ...{ method: input.method ?? null, equipment: input.equipment ?? null, lots: [...(input.lots ?? [])] },
      products: versions.map((code) => {
        const { jurisdiction, version } = known(code) as NonNullable<ReturnType<typeof known>>
        return { jurisdiction, code, version }
      }),
    })
    const made: Bag[] = []
    for (const [index, { group, resetsExposure, ...child }] of plan.entries()) {
      const { scheme, collectionType, originId, holderId, donationId } = first
      const bag = await insertBag(tx, {
        ...child,
        ...{ id: ids[index] as string, scheme, collectionType, holderId, registeredAt: now, version: 1 },
        ...(number === null
          ? { identifier: first.identifier, originId, donationId }
          : { identifier: number, originId: holderId, donationId: null }),
        ...{ abo: group?.abo ?? null, rhd: group?.rhd ?? null, state: first.state },
      })
      for (const { id } of parents) await insertLineage(tx, id, bag.id, { modificationId, resetsExposure })
      // That it was made of another vouches for nothing: whoever asks for who did looks for `parent`.
      const data = { parent: first.id, parents: bagIds, process, modification: modificationId }
      await appendEvent(tx, ctx.actor, bag, { verb: 'register', from: null, to: bag.state, data }, now)
      made.push(bag)
    }
    await moveTags(tx, ctx.actor, moves, { parents: bagIds, children: ids }, now)
    return { id: modificationId, process, children: made }
  })
}

/** A pool is no donation: it is numbered by whoever makes it, and what was collected has its number already. */
async function poolNumber(tx: Transaction, din: string | undefined): Promise<string> {
  if (din === undefined) throw new Refusal('invalid_request', 'din: a pool needs a number of its own')
  const identifier = parseDin(din)
  await lockIdentifier(tx, identifier)
  if (await isCollectedHere(tx, identifier))
    throw new Refusal('conflict', 'a donation was collected under this number: give the pool one of its own')
  return identifier
}

function parentOf(bag: Bag) {
  const { group, label } = factsWith(bag, [])
  return { ...bag, group, label, collectedAt: bag.collectedAt ?? bag.registeredAt }
}
