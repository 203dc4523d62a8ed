import { type Role, roles } from '../../schema/vocabulary.ts'

/** A role held for one facility, or for all where `facilityId` is null. */
export type Grant = { readonly role: Role; readonly facilityId: number | null }
export type Grants = readonly Grant[]

/** Every role, everywhere. */
export const everywhere: Grants = roles.map((role) => ({ role, facilityId: null }))

/** Who may order blood: in China an attending (中级以上) or above. */
const physicians = ['physician', 'senior_physician', 'department_head'] as const
const clinicians = [...physicians, 'medical_affairs'] as const

/** Which roles may do what: the one table every door goes by. */
const table = {
  'facility.read': roles,
  'facility.create': ['administrator'],
  'policy.read': roles,
  'policy.propose': ['centre', 'transfusion_lab'],
  'policy.approve': ['centre', 'transfusion_lab'],
  'product.read': roles,
  'product.propose': ['centre', 'transfusion_lab'],
  'product.approve': ['centre', 'transfusion_lab'],
  'device.read': ['centre', 'transfusion_lab', 'nurse', 'regulator', 'engineer', 'administrator'],
  'device.manage': ['engineer', 'administrator'],
  'device.command': ['engineer', 'administrator'],
  'equipment.record': ['transfusion_lab', 'engineer'],
  'temperature.record': ['centre', 'transfusion_lab', 'nurse', 'engineer'],
  'device.defrost': ['centre', 'transfusion_lab', 'engineer'],
  'clock.decide': ['engineer'],
  'logger.import': ['centre', 'transfusion_lab', 'engineer'],
  'message.read': ['regulator', 'engineer', 'administrator'],
  'message.readmit': ['engineer'],
  'bag.read': ['centre', 'transfusion_lab', 'nurse', 'courier', 'regulator'],
  'bag.register': ['centre', 'transfusion_lab'],
  'barcode.manage': ['centre', 'transfusion_lab', 'administrator'],
  'bag.label': ['centre', 'transfusion_lab'],
  'bag.tag': ['centre', 'transfusion_lab'],
  'bag.collect': ['centre'],
  'bag.process': ['centre', 'transfusion_lab'],
  'bag.test': ['centre'],
  'bag.release': ['centre'],
  'bag.distribute': ['centre', 'transfusion_lab'],
  'bag.transport': ['centre', 'transfusion_lab', 'courier'],
  'bag.receive': ['centre', 'transfusion_lab'],
  'bag.reserve': ['transfusion_lab'],
  'bag.issue': ['transfusion_lab'],
  'bag.take_out': ['transfusion_lab', 'nurse'],
  'take_out.rule': ['transfusion_lab'],
  'signature.rule': ['administrator'],
  'signature.read': ['centre', 'transfusion_lab', 'regulator', 'administrator'],
  'issue.review': ['transfusion_lab'],
  'bag.transfuse': ['transfusion_lab', 'nurse'],
  'bag.reinstate': ['centre', 'transfusion_lab'],
  'bag.discard': ['centre', 'transfusion_lab'],
  'bag.inspect': ['centre', 'transfusion_lab'],
  'bag.hold': ['centre', 'transfusion_lab'],
  'recall.read': ['centre', 'transfusion_lab', 'regulator'],
  'recall.open': ['centre', 'transfusion_lab'],
  'look_back.identify': ['centre', 'transfusion_lab', 'regulator'],
  'alarm.read': ['centre', 'transfusion_lab', 'nurse', 'regulator', 'engineer', 'administrator'],
  'alarm.handle': ['centre', 'transfusion_lab', 'nurse', 'engineer'],
  'task.read': ['centre', 'transfusion_lab', 'nurse', 'regulator', 'engineer', ...clinicians],
  'alarm.test': ['centre', 'transfusion_lab', 'nurse', 'engineer'],
  'roster.read': ['centre', 'transfusion_lab', 'nurse', 'engineer', 'administrator'],
  'roster.manage': ['centre', 'transfusion_lab', 'administrator'],
  'patient.read': ['transfusion_lab', 'nurse', ...physicians],
  'patient.manage': ['transfusion_lab'],
  'sample.register': ['transfusion_lab', 'nurse'],
  'crossmatch.record': ['transfusion_lab'],
  'order.read': ['transfusion_lab', 'nurse', ...clinicians],
  'order.place': physicians,
  'order.approve': ['senior_physician', 'department_head', 'medical_affairs'],
  'order.cancel': ['transfusion_lab', ...physicians],
  'stock.level': ['centre', 'transfusion_lab'],
  'transfer.read': ['centre', 'transfusion_lab', 'nurse', 'courier', 'regulator', ...physicians],
  'transfer.request': ['transfusion_lab', 'nurse', ...physicians],
  'transfer.plan': ['centre', 'transfusion_lab'],
  'transfer.approve': ['centre', 'transfusion_lab'],
  'hl7.import': ['transfusion_lab'],
  'hl7.conclude': ['transfusion_lab'],
  'bag.type': ['centre', 'transfusion_lab'],
  'news.read': ['centre', 'transfusion_lab', 'nurse', 'courier', 'regulator'],
  'webhook.manage': ['administrator'],
  'person.read': ['administrator', 'regulator'],
  'person.manage': ['administrator'],
  'key.manage': ['administrator'],
} as const satisfies Record<string, readonly Role[]>

export type Right = keyof typeof table
export const rights = Object.keys(table) as readonly Right[]

export function hasRight(role: Role, right: Right): boolean {
  const holders: readonly Role[] = table[right]
  return holders.includes(role)
}

/** Facilities by id, or all there are. */
export type Reach = 'all' | ReadonlySet<number>

/** Where a right is held. */
export function reachOf(grants: Grants, right: Right): Reach {
  return facilitiesOf(grants.filter(({ role }) => hasRight(role, right)))
}

/** What somebody may know of at all: the facilities of any role they hold. */
export function sightOf(grants: Grants): Reach {
  return facilitiesOf(grants)
}

/** Is one of these facilities within reach? What belongs to no facility is so only for who reaches all. */
export function isWithin(reach: Reach, facilityIds: readonly (number | null)[]): boolean {
  return reach === 'all' || facilityIds.some((id) => id !== null && reach.has(id))
}

function facilitiesOf(grants: Grants): Reach {
  const ids = new Set<number>()
  for (const { facilityId } of grants) {
    if (facilityId === null) return 'all'
    ids.add(facilityId)
  }
  return ids
}
