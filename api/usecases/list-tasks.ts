import type {
  AlarmKind,
  ProbeKind,
  ReviewReason,
  TaskKind,
  TransfusionFault,
} from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { isWithin, type Reach, type Right, reachOf } from '../domain/rights.ts'
import {
  alarmTestDueSince,
  faultsOf,
  insideRetiredSince,
  seenAfterFateSince,
  seenElsewhereSince,
  takenFromLocked,
  takenWithoutIssueSince,
  toCarrySince,
  unconfirmedSince,
} from '../domain/task.ts'
import { turnedOut } from '../domain/turned-out.ts'
import { alarmTests, turnedOutForMs } from '../policies/alarms.ts'
import { cnHandlingMs } from '../policies/answers.ts'
import { deviceWords } from '../policies/device-words.ts'
import { cnRescueOverdueMs } from '../policies/rescue.ts'
import {
  cnAlarmTestDue,
  cnIncompatibleOut,
  cnInsideRetired,
  cnLookBack,
  cnLookBackOf,
  cnOfflineConflict,
  cnRecalledOut,
  cnRescueTask,
  cnReviews,
  cnSealMismatch,
  cnSeenAfterFate,
  cnSeenElsewhere,
  cnTakenFromLocked,
  cnTakenWithoutIssue,
  cnTransfusedAgainst,
  cnUnconfirmed,
  cnUnknownProduct,
} from '../policies/tasks.ts'
import { alarmsToTest } from '../stores/alarm-tests.ts'
import { boxesWithAnotherSeal } from '../stores/boxes.ts'
import { labelsOf } from '../stores/devices.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { issuesToReview } from '../stores/issue-reviews.ts'
import { openLookBacks } from '../stores/ledgers.ts'
import { openConflicts } from '../stores/offline-decisions.ts'
import { recalledOut } from '../stores/recall-reads.ts'
import {
  type About,
  bagsToCarry,
  insideRetired,
  issuedAtFridges,
  type Seen,
  seenAfterFate,
  seenElsewhere,
  takenFromLockedDoors,
  takenWithoutIssue,
  transfusedAgainst,
  unknownProducts,
} from '../stores/tasks.ts'
import { bagsOutFor } from '../stores/turned-out.ts'
import { demandRight } from './demand.ts'
import { equipmentFinders } from './find-equipment-tasks.ts'
import { fateFinders } from './find-fate-tasks.ts'
import { orderFinders } from './find-order-tasks.ts'
import { transferFinders } from './find-transfer-tasks.ts'

/** Something somebody must see to. Found each time it is asked for, and stored nowhere: what is done is no task. */
export type Task = Omit<About, 'bagId' | 'label'> & {
  readonly kind: TaskKind
  /** Null where it is about a device, a box, a patient or an order. */
  readonly bagId: string | null
  readonly label: string | null
  /** Which probe of the device, where it is about one. */
  readonly probe?: ProbeKind
  readonly since: number
  readonly zh: string
  readonly en: string
  /** Of a transfusion: all that spoke against it. */
  readonly discrepancies?: TransfusionFault[]
  /**
   * Whom it is about, as the facility calls them: of a transfusion whom it was given to. Null where that is not known, or not
   * told.
   */
  readonly patient?: string | null
  /** Of an order: which. */
  readonly order?: string
  /** Of a transfer, or of a request for one: which. */
  readonly transfer?: string
  readonly request?: string
  /** Of a message of another system: its number among the refused. */
  readonly message?: number
  /** Of a seal: which box, and its packing. */
  readonly box?: string
  readonly boxId?: string
  /** Of an alarm test: which alarm. */
  readonly alarm?: AlarmKind
}

const right = 'task.read'

/** How the tasks of each kind are found. */
const finders: Readonly<Record<TaskKind, (ctx: Context, reach: Reach) => Promise<Task[]>>> = {
  issue_unconfirmed: unconfirmedIssues,
  transfused_against: transfusionsAgainst,
  seen_after_fate: bagsSeenAfterFate,
  seen_elsewhere: bagsSeenElsewhere,
  taken_without_issue: bagsTakenWithoutIssue,
  taken_unscanned: (ctx, reach) => bagsTakenFromLocked(ctx, reach, 'taken_unscanned'),
  taken_by_key: (ctx, reach) => bagsTakenFromLocked(ctx, reach, 'taken_by_key'),
  emergency_release: (ctx, reach) => issuesNotReviewed(ctx, reach, 'emergency_release'),
  glass_broken: (ctx, reach) => issuesNotReviewed(ctx, reach, 'glass_broken'),
  incompatible_out: bagsTurnedOut,
  look_back: lookBacks,
  rescue_to_carry: (ctx, reach) => bagsNotCarried(ctx, reach, 'rescue_to_carry'),
  rescue_overdue: (ctx, reach) => bagsNotCarried(ctx, reach, 'rescue_overdue'),
  ...equipmentFinders,
  alarm_test_due: alarmTestsDue,
  inside_retired: bagsInsideRetired,
  ...fateFinders,
  seal_mismatch: sealsThatDiffer,
  recalled_out: bagsRecalledOut,
  unknown_product: bagsOfUnknownProduct,
  offline_conflict: offlineConflicts,
  ...orderFinders,
  ...transferFinders,
}

/** Which right tells of what a task is about, where that is no bag. */
const toldBy: Partial<Record<TaskKind, Right>> = {
  ...Object.fromEntries(Object.keys(equipmentFinders).map((kind) => [kind, 'device.read'])),
  ...{ alarm_test_due: 'device.read', order_unapproved: 'order.read', order_unfilled: 'order.read' },
  ...{ grouping_discrepancy: 'patient.read', sample_ending: 'patient.read' },
  hl7_refused: 'hl7.conclude',
  ...Object.fromEntries(Object.keys(transferFinders).map((kind) => [kind, 'transfer.read'])),
}

/**
 * What is to be done within reach: transfusions to be looked into, the newest first, then what waits the longest.
 *
 * @throws Refusal `not_found`, `forbidden`
 */
export async function listTasks(
  ctx: Context,
  { facility, kind }: { readonly facility?: string | undefined; readonly kind?: TaskKind | undefined },
): Promise<(Task & { readonly deviceLabel: string | null })[]> {
  const reach = facility === undefined ? reachOf(ctx.grants, right) : await only(ctx, facility)
  const found: Task[] = []
  // Who looks after devices knows of no bag, and who orders blood knows of neither.
  for (const [name, find] of Object.entries(finders))
    if (kind === undefined || kind === name)
      found.push(
        ...(await find(ctx, both(reach, reachOf(ctx.grants, toldBy[name as TaskKind] ?? 'bag.read')))),
      )
  const labels = await labelsOf(
    ctx.database.db,
    found.map(({ device }) => device),
  )
  return found
    .sort((a, b) => turnOf(a) - turnOf(b) || (nameOf(a) < nameOf(b) ? -1 : 1))
    .map((task) => ({ ...task, deviceLabel: (task.device && labels.get(task.device)) || null }))
}

function nameOf({
  bagId,
  boxId,
  order,
  transfer,
  request,
  patient,
  message,
  device,
  probe,
  alarm,
}: Task): string {
  return (
    bagId ??
    boxId ??
    order ??
    transfer ??
    request ??
    patient ??
    message?.toString() ??
    `${device}/${probe ?? alarm ?? ''}`
  )
}

function both(one: Reach, other: Reach): Reach {
  if (one === 'all') return other
  return new Set([...one].filter((id) => isWithin(other, [id])))
}

/** No transfusion can be undone, so the newest matters most; all else gets worse while it waits. */
function turnOf({ kind, since }: Task): number {
  return kind === 'transfused_against' ? -since : since
}

async function only(ctx: Context, facility: string): Promise<Reach> {
  const { id } = await findFacility(ctx.database.db, facility)
  demandRight(ctx, right, [id], noFacility(facility))
  return new Set([id])
}

async function unconfirmedIssues(ctx: Context, reach: Reach): Promise<Task[]> {
  const issues = await issuedAtFridges(ctx.database.db, reach)
  return issues.flatMap((issue) => {
    const found = unconfirmedSince(issue, ctx.now())
    if (!found) return []
    const { bagId, label, device, facility } = issue
    const { zh, en } = cnUnconfirmed[found.reason]
    return [{ kind: 'issue_unconfirmed', bagId, label, device, facility, since: found.since, zh, en }]
  })
}

/** Whom a bag was given to is told only to who may know the patients of its holder. */
async function transfusionsAgainst({ database, grants }: Context, reach: Reach): Promise<Task[]> {
  const patientsKnown = reachOf(grants, 'patient.read')
  return (await transfusedAgainst(database.db, reach)).flatMap((transfusion) => {
    const { holderId, at, discrepancies, patient, ...about } = transfusion
    const against = faultsOf(discrepancies)
    if (against.length === 0) return []
    const told = isWithin(patientsKnown, [holderId]) ? patient : null
    const task = { kind: 'transfused_against', since: at, ...cnTransfusedAgainst(against) } as const
    return [{ ...about, ...task, discrepancies: [...against], patient: told }]
  })
}

async function bagsSeenAfterFate(ctx: Context, reach: Reach): Promise<Task[]> {
  const bags = await seenAfterFate(ctx.database.db, reach, ctx.now())
  return bags.flatMap((seen) => {
    const since = seenAfterFateSince(seen)
    return since === null ? [] : [{ ...aboutOf(seen), kind: 'seen_after_fate', since, ...cnSeenAfterFate }]
  })
}

async function bagsSeenElsewhere(ctx: Context, reach: Reach): Promise<Task[]> {
  const now = ctx.now()
  const bags = await seenElsewhere(ctx.database.db, reach, now)
  return bags.flatMap((seen) => {
    const since = seenElsewhereSince(seen, [seen.standing], now)
    if (since === null) return []
    return [{ ...aboutOf(seen), kind: 'seen_elsewhere', since, ...cnSeenElsewhere(seen.there) }]
  })
}

async function bagsInsideRetired({ database }: Context, reach: Reach): Promise<Task[]> {
  const bags = await insideRetired(database.db, reach)
  return bags.flatMap(({ place, state, revokedAt, ...about }) => {
    const since = insideRetiredSince({ place, state }, revokedAt)
    return since === null ? [] : [{ ...about, kind: 'inside_retired', since, ...cnInsideRetired }]
  })
}

async function bagsTakenWithoutIssue(ctx: Context, reach: Reach): Promise<Task[]> {
  const now = ctx.now()
  const bags = await takenWithoutIssue(ctx.database.db, reach, now, cnHandlingMs)
  return bags.flatMap((seen) => {
    const since = takenWithoutIssueSince(seen, now, cnHandlingMs)
    if (since === null) return []
    return [{ ...aboutOf(seen), kind: 'taken_without_issue', since, ...cnTakenWithoutIssue }]
  })
}

async function bagsTakenFromLocked(
  ctx: Context,
  reach: Reach,
  kind: 'taken_unscanned' | 'taken_by_key',
): Promise<Task[]> {
  const bags = await takenFromLockedDoors(ctx.database.db, reach, ctx.now())
  return bags.flatMap((seen) => {
    const found = takenFromLocked(seen, seen.sessionUntil)
    return found?.kind === kind ? [{ ...aboutOf(seen), ...found, ...cnTakenFromLocked[kind] }] : []
  })
}

async function issuesNotReviewed(ctx: Context, reach: Reach, kind: ReviewReason): Promise<Task[]> {
  const issues = await issuesToReview(ctx.database.db, reach, kind)
  return issues.map(({ at: since, ...about }) => ({ ...about, kind, since, ...cnReviews[kind] }))
}

/** Whom it is out for is told only to who may know the patients of its holder. */
async function bagsTurnedOut({ database, grants, now: clock }: Context, reach: Reach): Promise<Task[]> {
  const now = clock()
  const since = now - turnedOutForMs
  const asked = { reach, since, outSince: since, isGivenToo: true }
  const patientsKnown = reachOf(grants, 'patient.read')
  return (await bagsOutFor(database.db, asked, now)).flatMap((out) => {
    const found = turnedOut(out, now)
    if (found.length === 0) return []
    const { bagId, label, device, facility, facilityId, isGiven, foundAt } = out
    const patient = isWithin(patientsKnown, [facilityId]) ? out.patient.pseudonym : null
    const about = { bagId, label, device, facility, patient }
    return [{ ...about, kind: 'incompatible_out', since: foundAt, ...cnIncompatibleOut(found, isGiven) }]
  })
}

async function lookBacks(ctx: Context, reach: Reach): Promise<Task[]> {
  return (await openLookBacks(ctx.database.db, reach)).map(({ openedAt: since, recall, ...about }) => ({
    ...about,
    kind: 'look_back',
    since,
    ...(recall === null ? cnLookBack : cnLookBackOf(recall)),
  }))
}

async function bagsRecalledOut(ctx: Context, reach: Reach): Promise<Task[]> {
  return (await recalledOut(ctx.database.db, reach)).map(({ recall, ...about }) => ({
    ...about,
    kind: 'recalled_out',
    ...cnRecalledOut(recall),
  }))
}

async function bagsNotCarried(
  ctx: Context,
  reach: Reach,
  kind: 'rescue_to_carry' | 'rescue_overdue',
): Promise<Task[]> {
  const now = ctx.now()
  const isBefore = kind === 'rescue_overdue'
  const accepted = { until: now - cnRescueOverdueMs, isBefore }
  const moves = await bagsToCarry(ctx.database.db, reach, accepted, now)
  const labels = await labelsOf(
    ctx.database.db,
    moves.flatMap(({ to, inside }) => [to, inside]),
  )
  const named = (device: string) => deviceWords(device, labels.get(device))
  return moves.flatMap(({ state, acceptedAt, from, to, inside, isToInAlarm, isToGone, ...about }) => {
    const found = toCarrySince({ state, acceptedAt, isInside: inside !== null }, now, cnRescueOverdueMs)
    if (found === null) return []
    const elsewhere = inside === from || inside === null ? null : named(inside)
    const facts = { to: named(to), elsewhere, isToInAlarm, isToGone }
    return [{ ...about, ...found, ...cnRescueTask(found.kind, facts) }]
  })
}

async function sealsThatDiffer(ctx: Context, reach: Reach): Promise<Task[]> {
  const boxes = await boxesWithAnotherSeal(ctx.database.db, reach)
  return boxes.map(({ at: since, box, ...about }) => {
    return { ...about, bagId: null, label: null, box, kind: 'seal_mismatch', since, ...cnSealMismatch }
  })
}

async function alarmTestsDue(ctx: Context, reach: Reach): Promise<Task[]> {
  const now = ctx.now()
  const { kinds, everyMs } = alarmTests
  const alarms = await alarmsToTest(ctx.database.db, reach, { kinds, everyMs, now })
  return alarms.flatMap(({ device, facility, kind: alarm, ...tested }) => {
    const since = alarmTestDueSince(tested, now, everyMs)
    if (since === null) return []
    const about = { bagId: null, label: null, device, facility }
    return [{ ...about, kind: 'alarm_test_due', since, ...cnAlarmTestDue(alarm), alarm }]
  })
}

async function bagsOfUnknownProduct(ctx: Context, reach: Reach): Promise<Task[]> {
  return (await unknownProducts(ctx.database.db, reach)).map(({ code, ...about }) => ({
    ...about,
    kind: 'unknown_product',
    ...cnUnknownProduct(code),
  }))
}

async function offlineConflicts({ database }: Context, reach: Reach): Promise<Task[]> {
  const open = await openConflicts(database.db, reach)
  return open.map(({ receivedAt: since, conflicts, ...about }) => ({
    ...{ ...about, kind: 'offline_conflict', since },
    ...cnOfflineConflict(conflicts),
  }))
}

function aboutOf({ bagId, label, device, facility }: Seen): About {
  return { bagId, label, device, facility }
}
