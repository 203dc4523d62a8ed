import { z } from 'zod'
import { Name } from '../topics.ts'
import { facilityKinds, jurisdictions } from '../vocabulary.ts'
import { text } from './values.ts'

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
  } catch {
    return false
  }
}

const facility = {
  code: Name.meta({ description: 'its name in topics and URLs', example: 'hospital-1' }),
  name: text(200).meta({ example: 'First Hospital' }),
  kind: z.enum(facilityKinds),
  timeZone: z
    .string()
    .max(64)
    .meta({ description: 'IANA zone its labels are read in', example: 'Asia/Shanghai' }),
  jurisdiction: z.enum(jurisdictions).meta({ description: 'whose policies its blood is judged by' }),
}

export const FacilityInput = z
  .strictObject({
    ...facility,
    timeZone: facility.timeZone.refine(isTimeZone, 'is no time zone'),
    jurisdiction: facility.jurisdiction.default('CN'),
  })
  .meta({ id: 'FacilityInput' })

export const Facility = z.object(facility).meta({ id: 'Facility' })

export const Facilities = z.object({ facilities: z.array(Facility) }).meta({ id: 'Facilities' })
