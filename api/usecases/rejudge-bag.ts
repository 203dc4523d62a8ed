import type { HoldKind, Jurisdiction } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { graverThan, type Judged, type Judgement } from '../domain/ledger.ts'
import { isFinal } from '../domain/lifecycle.ts'
import { asIfInForce } from '../domain/rejudgement.ts'
import { cnRejudgedFor, systemHolds } from '../policies/ledger.ts'
import { type Bag, holdsOf, insertHold } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import type { DeviceReads } from '../stores/device-reads.ts'
import { type KeptEntry, type Ledger, openLookBack } from '../stores/ledgers.ts'
import { insertRejudged, newestRejudged, type Rejudged, releasedBeside } from '../stores/rejudged.ts'
import { type Rejudgement, rejudgementsOf } from '../stores/rejudgements.ts'
import { judgementOf, keptEntry, signature } from './judgement.ts'
import { traceBag } from './trace-bag.ts'

/** What a bag's ledger would say as of now, had another version been in force for a while. */
export type Beside = {
  readonly rejudgement: Rejudgement
  readonly judgement: Judgement
  readonly policies: Rejudged['policies']
}

/** By every approved re-judgement that is about the bag: traced and judged as ever, but for the versions. */
export async function besideLedger(
  tx: Transaction,
  reads: DeviceReads,
  { id: bagId }: Pick<Bag, 'id'>,
  jurisdiction: Jurisdiction,
  asOf: number,
): Promise<readonly Beside[]> {
  const beside: Beside[] = []
  for (const rejudgement of await rejudgementsOf(tx, reads, bagId, jurisdiction)) {
    const asIf = readsAsIf(reads, rejudgement)
    const traced = await traceBag(
      { database: { db: tx }, reads: asIf, now: () => asOf },
      { bagId, jurisdiction },
    )
    const released = await releasedBeside(tx, rejudgement.id, bagId)
    const judgement = await judgementOf(tx, asIf, traced, jurisdiction, asOf, released)
    const once = (versions: readonly number[]) => [...new Set(versions)]
    const { storage, transport } = traced.policy
    const policies = { storage: once(storage), transport: once(transport), in_hand: [] }
    beside.push({ rejudgement, judgement, policies })
  }
  return beside
}

/** The same devices, under the policies a re-judgement supposes. */
function readsAsIf(reads: DeviceReads, { policy, from, to }: Rejudgement): DeviceReads {
  return {
    ...reads,
    async policies(db, jurisdiction, component, phase) {
      const versions = await reads.policies(db, jurisdiction, component, phase)
      const isIt =
        policy.jurisdiction === jurisdiction && policy.component === component && policy.phase === phase
      return isIt ? asIfInForce(versions, policy, { from, to }) : versions
    },
  }
}

/**
 * Tell it beside the ledger as it stands, where it is not what was told already, and see to what follows where the bag is
 * worse off by it for what was measured: a hold that names the re-judgement, or a look-back case where it was given.
 *
 * @returns whether it is held
 */
export async function seeToBeside(
  tx: Transaction,
  actor: Actor,
  bag: Bag,
  ledger: Ledger,
  beside: readonly Beside[],
  now: number,
): Promise<boolean> {
  let isHeld = false
  for (const { rejudgement, judgement, policies } of beside) {
    const rejudgementId = rejudgement.id
    const before = await newestRejudged(tx, rejudgementId, bag.id)
    const { verdict } = judgement
    const told = { rejudgementId, verdict, entries: judgement.entries.map(keptEntry), policies, ledger }
    const graver = new Set(graverThan(ledger.entries, told.entries))
    if (!before || before.ledger.id !== ledger.id || signature(before) !== signature(told)) {
      const rejudgedId = await insertRejudged(tx, actor, bag.id, before, told, now)
      const known = before ? graverThan(before.besides, before.entries) : []
      if (bag.state === 'transfused' && graverThan(known, [...graver]).length > 0)
        await openLookBack(tx, actor, bag, { rejudgedId, verdict }, now)
    }
    const reasons = judgement.entries.filter((_, index) => graver.has(told.entries[index] as KeptEntry))
    if (await holdFor(tx, actor, bag, rejudgement, reasons, now)) isHeld = true
  }
  return isHeld
}

/** Unless that re-judgement holds it for that already. */
async function holdFor(
  tx: Transaction,
  actor: Actor,
  bag: Bag,
  rejudgement: Rejudgement,
  graver: readonly Judged[],
  now: number,
): Promise<boolean> {
  if (graver.length === 0 || isFinal(bag.state)) return false
  const asked = new Map<HoldKind, Judged[]>()
  for (const judged of graver) {
    const kind = systemHolds[judged.reason]
    if (kind) asked.set(kind, [...(asked.get(kind) ?? []), judged])
  }
  const own = (await holdsOf(tx, bag.id)).filter(
    ({ liftedAt, rejudgementId }) => liftedAt === null && rejudgementId === rejudgement.id,
  )
  let isHeld = false
  for (const [kind, reasons] of asked) {
    if (own.some((hold) => hold.kind === kind)) continue
    const reason = cnRejudgedFor(rejudgement.id, rejudgement.policy, reasons)
    await insertHold(tx, actor, bag, { kind, reason, rejudgementId: rejudgement.id }, now)
    isHeld = true
  }
  return isHeld
}
