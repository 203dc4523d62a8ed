import type { NoticeChannel } from '../../schema/vocabulary.ts'
import type { Page } from '../domain/alarm.ts'
import { wallClockIn } from '../domain/local-day.ts'
import { onDuty } from '../domain/roster.ts'
import { noticeWords } from '../policies/notices.ts'
import type { NamedCase } from '../stores/alarms.ts'
import type { NewNotice } from '../stores/notices.ts'
import type { Contact, FacilityRoster } from '../stores/rosters.ts'

/** A case of which somebody is to be told. */
export type Paged = Page & { readonly of: NamedCase }

/** Who is on duty for a step, each once. */
export function contactsOnDuty(roster: FacilityRoster, to: Page['to'], now: number): Contact[] {
  const contacts = onDuty(roster, to, now).map(({ contact }) => contact)
  return [...new Map(contacts.map((contact) => [contact.id, contact])).values()]
}

/**
 * The notices of steps that were taken now: one for each person on duty and each way they are told. Of devices of one
 * facility that lost the mains together one notice tells. Where a facility keeps no roster there is nobody to tell, and
 * paging is news alone.
 *
 * @param labels what people call devices, by their names
 */
export function noticesOf(
  paged: readonly Paged[],
  rosters: ReadonlyMap<number, FacilityRoster>,
  labels: ReadonlyMap<string, string>,
  now: number,
): NewNotice[] {
  const together = new Map<string, [Paged, ...Paged[]]>()
  for (const page of paged) {
    const { kind, facilityId, pagedFrom, id } = page.of
    const who = kind === 'mains_lost' ? `${facilityId}/${pagedFrom}` : `case ${id}`
    const key = `${who}/${page.ordinal}`
    const others = together.get(key)
    if (others) others.push(page)
    else together.set(key, [page])
  }
  return [...together.values()].flatMap((pages) => {
    const [{ of, to: step, ordinal }] = pages
    const roster = rosters.get(of.facilityId)
    if (!roster) return []
    const caseIds = pages.map(({ of: { id } }) => id)
    const about = { step, ordinal, pagedFrom: of.pagedFrom, caseIds, body: bodyOf(pages, roster, labels) }
    return contactsOnDuty(roster, step, now).flatMap((contact) =>
      channelsOf(contact).map((channel) => ({ ...about, contactId: contact.id, channel })),
    )
  })
}

function channelsOf({ email, url }: Contact): NoticeChannel[] {
  return [...(email === null ? [] : ['email' as const]), ...(url === null ? [] : ['webhook' as const])]
}

/** @param pages of one step and one kind, at least one */
function bodyOf(
  pages: readonly [Paged, ...Paged[]],
  { code, name, timeZone }: FacilityRoster,
  labels: ReadonlyMap<string, string>,
): object {
  const [{ of, to }] = pages
  const from = Math.min(...pages.map(({ of }) => of.conditionFrom))
  const facts = {
    facility: { code, name },
    step: to,
    kind: of.kind,
    class: of.class,
    alarms: pages.map(({ of: { id } }) => id),
    devices: pages.flatMap(({ of: { id, device, part } }) => {
      const label = device === null ? undefined : labels.get(device)
      return device === null ? [] : [{ alarm: id, device, ...(label ? { label } : {}), part }]
    }),
    bags: pages.flatMap(({ of: { bags } }) => (bags ?? []).map(({ label }) => label)),
    since: new Date(wallClockIn(timeZone)(from)).toISOString().slice(0, 16).replace('T', ' '),
  }
  return { ...facts, from: new Date(from).toISOString(), ...noticeWords(facts) }
}
