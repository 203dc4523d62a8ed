import type { z } from 'zod'
import type { Outlook as OutlookBody } from '../../../schema/http/outlook.ts'
import type { Outlook } from '../../domain/thermal/outlook.ts'
import { outlookWords } from '../../policies/forecast.ts'
import { iso } from '../units.ts'

export function outlookView(outlook: Outlook | null): z.infer<typeof OutlookBody> | null {
  return outlook && { ...outlook, at: iso(outlook.at), ...outlookWords(outlook) }
}
