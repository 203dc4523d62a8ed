import { z } from 'zod'
import { Name } from '../topics.ts'
import { probeKinds, sides } from '../vocabulary.ts'
import { Celsius, InstantText, orNull } from './values.ts'

const Minutes = z.int().min(0)

export const Outlook = z
  .object({
    probe: z.enum(probeKinds),
    side: z.enum(sides),
    at: InstantText.meta({ description: 'of its newest reading: what the minutes are counted from' }),
    early: Minutes.meta({ description: 'one time in ten it is sooner' }),
    likely: orNull(Minutes).meta({ description: 'null where that is beyond what can be foretold' }),
    late: orNull(Minutes).meta({ description: 'one time in ten it is later' }),
    zh: z.string(),
    en: z.string(),
  })
  .meta({ id: 'Outlook', description: 'when a probe leaves its limits, if all goes on as it does' })

export const DeviceOutlook = z
  .object({
    device: Name,
    asOf: InstantText,
    probes: z.array(
      z.object({
        probe: z.enum(probeKinds),
        at: InstantText,
        celsius: Celsius.meta({ description: 'its newest reading' }),
        low: Celsius,
        high: Celsius,
        outlook: orNull(Outlook).meta({
          description: 'null where it is not foretold to leave its limits, has left them, or is silent',
        }),
      }),
    ),
  })
  .meta({ id: 'DeviceOutlook' })
