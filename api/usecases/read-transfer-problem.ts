import type { TransferProblemDocument } from '../../schema/transfer-problem.ts'
import { isRhdPositiveAllowed } from '../domain/emergency.ts'
import { Refusal } from '../domain/refusal.ts'
import type { TransferDemand, TransferPolicy, TransferProblem } from '../domain/transfer/problem.ts'
import { mustBeMeant } from '../domain/transfer/request.ts'
import { hourAt, minutesBetween } from '../domain/transfer/travel.ts'
import { emergencyRules } from '../policies/emergency.ts'
import { cnTransfer, cnTransferRoads } from '../policies/transfer.ts'

type Document = TransferProblemDocument
type Request = Document['requests'][number]

/**
 * A planning problem of its document.
 *
 * @throws Refusal `invalid_request` naming what contradicts what: a name that is told twice or not at all, a deadline that
 * is past, a matrix of another size, an amount nobody could mean, a unit the component is not counted in, RhD-positive cells
 * allowed to who has anti-D
 */
export function readTransferProblem(told: Document): TransferProblem {
  const sites = namesOf('sites', told.sites)
  namesOf('stock', told.stock)
  namesOf('requests', told.requests)
  for (const { id, site } of [...told.stock, ...told.requests]) demandSite(sites, site, id)
  for (const { site, component } of told.levels) demandSite(sites, site, `a level of ${component}`)
  const policy = policyOf(told)
  const demands = told.requests.flatMap((request) => demandsOf(request, told, policy))
  return {
    at: told.at,
    sites: told.sites.map(({ id, boxes }) => ({ id, boxes: boxes ?? null })),
    minutesTo: new Map(demands.map(({ site }) => [site, minutesTo(site, told, sites)])),
    stock: told.stock.map(({ abo, rhd, amount, ...bag }) => ({
      ...bag,
      group: abo && rhd ? { abo, rhd } : null,
      amount: amount === null ? null : hundredths(amount),
    })),
    levels: told.levels.map(({ target, minimum, critical, booked, perDay, ...level }) => ({
      ...level,
      target: hundredths(target),
      minimum: hundredths(minimum),
      critical: hundredths(critical),
      booked: hundredths(booked),
      perDay: perDay === null ? null : hundredths(perDay),
    })),
    demands,
    policy,
  }
}

function demandsOf(request: Request, told: Document, policy: TransferPolicy): readonly TransferDemand[] {
  const { id, site, urgency, deadline, patient, lines } = request
  if (deadline <= told.at)
    throw refused(`the deadline of ${id}, ${instant(deadline)}, is not after ${instant(told.at)}`)
  const { abo, rhd, antiD, sex, ageYears } = patient
  if (antiD && patient.rhdPositiveAllowed)
    throw refused(`${id}: RhD-positive cells are never allowed where the patient has anti-D`)
  const known = { group: { abo, rhd }, antiD }
  const byRule =
    urgency === 'emergency' &&
    isRhdPositiveAllowed(emergencyRules[told.jurisdiction], known, { sex, ageYears })
  return lines.map((line, index) => {
    const { component, uom } = line
    const demand: TransferDemand = {
      id: `${id}/${index + 1}`,
      request: id,
      ...{ site, urgency, deadline, component, uom },
      // Who has anti-D counts as RhD-negative, though typed positive (a partial D).
      group: { abo, rhd: antiD ? 'negative' : rhd },
      rhdPositiveAllowed: patient.rhdPositiveAllowed ?? byRule,
      requires: patient.requires,
      amount: hundredths(line.amount),
    }
    mustBeMeant(demand.id, demand, policy)
    return demand
  })
}

function minutesTo(
  site: string,
  told: Document,
  sites: ReadonlyMap<string, number>,
): readonly (number | null)[] {
  const to = sites.get(site) ?? -1
  const { minutes } = told
  if (minutes) {
    const size = told.sites.length
    if (minutes.length !== size || minutes.some((row) => row.length !== size))
      throw refused(`minutes must be ${size} rows of ${size}, one for each site`)
    return minutes.map((row) => row[to] ?? null)
  }
  const hour = hourIn(told.timeZone, told.at)
  const position = ({ lat, lon }: Document['sites'][number]) =>
    lat === undefined || lon === undefined ? null : { lat, lon }
  const here = told.sites[to]
  return told.sites.map((from) =>
    minutesBetween(position(from), here ? position(here) : null, hour, cnTransferRoads),
  )
}

function hourIn(timeZone: string, at: number): number {
  try {
    return hourAt(timeZone, at)
  } catch (error) {
    if (error instanceof RangeError) throw refused(`no time zone is named ${timeZone}`)
    throw error
  }
}

function policyOf({ weights }: Document): TransferPolicy {
  const { packMinutes, unusedPercent, ...figures } = weights
  return {
    ...cnTransfer,
    ...Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined)),
    packMinutes: { ...cnTransfer.packMinutes, ...packMinutes },
    unusedPercent: { ...cnTransfer.unusedPercent, ...unusedPercent },
  }
}

function namesOf(what: string, of: readonly { readonly id: string }[]): ReadonlyMap<string, number> {
  const names = new Map<string, number>()
  for (const [place, { id }] of of.entries()) {
    if (names.has(id)) throw refused(`${what} name ${id} twice`)
    names.set(id, place)
  }
  return names
}

function demandSite(sites: ReadonlyMap<string, number>, site: string, of: string): void {
  if (!sites.has(site)) throw refused(`${of} is at ${site}, which is not among the sites`)
}

function hundredths(amount: number): number {
  return Math.round(amount * 100)
}

function instant(at: number): string {
  return new Date(at).toISOString()
}

function refused(why: string): Refusal {
  return new Refusal('invalid_request', why)
}
