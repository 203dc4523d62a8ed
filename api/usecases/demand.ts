import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, type Right, reachOf, sightOf } from '../domain/rights.ts'
import { type Bag, findBag, noBag } from '../stores/bags.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { type DeadLetter, findDeadLetter, noDeadLetter } from '../stores/dead-letters.ts'
import { type Device, findDevice, noDevice } from '../stores/devices.ts'
import { noPerson, type Person } from '../stores/people.ts'
import { findRejection, noRejection, type Rejection } from '../stores/rejections.ts'

type Asker = Pick<Context, 'grants'>

/**
 * Go on only where the caller holds a right for one of these facilities. What none of their roles lets them see is not
 * there for them; what they see and may not do is forbidden. Of what belongs to no facility, only who reaches all is told.
 *
 * @param missing what is said where it is not there at all: the same words must be heard where it is out of sight
 * @throws Refusal `not_found`, `forbidden`
 */
export function demandRight(
  { grants }: Asker,
  right: Right,
  facilityIds: readonly (number | null)[],
  missing: string,
): void {
  if (isWithin(reachOf(grants, right), facilityIds)) return
  if (!isWithin(sightOf(grants), facilityIds)) throw new Refusal('not_found', missing)
  throw new Refusal('forbidden', `none of your roles there allows ${right}`)
}

/**
 * Go on only for somebody who has signed in. A key may be anybody's: who answers for this is a person with a name.
 *
 * @param what is done, as in "a bag is released"
 * @throws Refusal `person_required`
 */
export function demandSomebody({ actor }: Pick<Context, 'actor'>, what: string): void {
  if (actor.kind !== 'person')
    throw new Refusal('person_required', `${what} by a person: sign in, a key does not say who it is`)
}

/** Go on only where the caller holds a right for all facilities. @throws Refusal `forbidden` */
export function demandEverywhere({ grants }: Asker, right: Right): void {
  if (reachOf(grants, right) !== 'all')
    throw new Refusal('forbidden', `none of your roles allows ${right} for all facilities`)
}

/** May the caller know of this person? Of whom they may read where one of their roles is, at least. */
export function seesPerson({ grants }: Asker, { roles }: Pick<Person, 'roles'>): boolean {
  return isWithin(
    reachOf(grants, 'person.read'),
    roles.map(({ facilityId }) => facilityId),
  )
}

/**
 * Go on only where the caller may manage whoever holds these roles, which takes the right for every one of them: who
 * administers one facility must not sign in as who administers all.
 *
 * @throws Refusal `not_found`, `forbidden`
 */
export function demandPerson(asker: Asker, person: Person): void {
  if (!seesPerson(asker, person)) throw new Refusal('not_found', noPerson(person.username))
  const reach = reachOf(asker.grants, 'person.manage')
  const isWhole =
    person.roles.length > 0 && person.roles.every(({ facilityId }) => isWithin(reach, [facilityId]))
  if (reach !== 'all' && !isWhole)
    throw new Refusal('forbidden', `${person.username} holds roles that are not yours to manage`)
}

/** The device, if the caller holds the right where it stands now. @throws Refusal `not_found`, `forbidden` */
export function reachDevice(
  ctx: Standing,
  db: Database | Transaction,
  name: string,
  right: Right,
): Promise<Device> {
  return demandWhereStands(ctx, db, name, right, noDevice(name))
}

/** The bag, if the caller holds the right where it is held, comes from or goes to. @throws Refusal `not_found`, `forbidden` */
export async function reachBag(
  ctx: Asker,
  db: Database | Transaction,
  id: string,
  right: Right,
): Promise<Bag> {
  const bag = await findBag(db, id)
  demandRight(ctx, right, [bag.holderId, bag.originId, bag.destinationId], noBag(id))
  return bag
}

/** The rejected message, if the caller holds the right where its device stands. @throws Refusal `not_found`, `forbidden` */
export async function reachRejection(
  ctx: Standing,
  db: Database | Transaction,
  id: number,
  right: Right,
): Promise<Rejection> {
  const rejection = await findRejection(db, id)
  await demandWhereStands(ctx, db, rejection.device, right, noRejection(id))
  return rejection
}

/** The dead letter, if the caller holds the right where its device stands. @throws Refusal `not_found`, `forbidden` */
export async function reachDeadLetter(
  ctx: Standing,
  db: Database | Transaction,
  id: number,
  right: Right,
): Promise<DeadLetter> {
  const letter = await findDeadLetter(db, id)
  await demandWhereStands(ctx, db, letter.device, right, noDeadLetter(id))
  return letter
}

type Standing = Pick<Context, 'grants' | 'now'>

/** Go on only where the caller holds the right at the facility a device stands at now. */
async function demandWhereStands(
  ctx: Standing,
  db: Database | Transaction,
  name: string,
  right: Right,
  missing: string,
): Promise<Device> {
  const device = await findDevice(db, name)
  demandRight(ctx, right, [inForce(device.placements, ctx.now()).facilityId], missing)
  return device
}
