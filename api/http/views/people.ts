import type { z } from 'zod'
import type { Caller, Person as PersonBody } from '../../../schema/http/people.ts'
import type { HeldRole, Person } from '../../stores/people.ts'
import { iso, isoOrNull } from '../units.ts'

export function personView({
  username,
  name,
  createdAt,
  endedAt,
  roles,
}: Person): z.infer<typeof PersonBody> {
  return {
    username,
    name,
    createdAt: iso(createdAt),
    endedAt: isoOrNull(endedAt),
    roles: heldRoles(roles),
  }
}

export function heldRoles(roles: readonly HeldRole[]): z.infer<typeof Caller>['roles'] {
  return roles.map(({ role, facility }) => ({ role, facility }))
}
