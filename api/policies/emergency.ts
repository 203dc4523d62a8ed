import type { Jurisdiction } from '../../schema/vocabulary.ts'
import type { EmergencyRule } from '../domain/emergency.ts'

/** Australian guidance: O RhD-negative for women up to 50, boys up to 18, and whoever neither is known of. */
const bySexAndAge = {
  rhdPositive: { menOver: 18, womenOver: 50 },
  source: 'Australian Red Cross Lifeblood, use of O RhD-negative red cells',
} as const

/**
 * In China fewer than one in two hundred are RhD-negative: no fridge could hold their cells for emergencies, and who
 * waits for them bleeds. They come from the blood centre's rare donors.
 */
export const emergencyRules: Readonly<Record<Jurisdiction, EmergencyRule>> = {
  CN: {
    rhdPositive: 'to_everybody',
    source: 'RhD-negative in 0.2 to 0.5 % of Han Chinese (J Transl Med 2021)',
    uncertain: ['rhdPositive'],
  },
  UK: { ...bySexAndAge, uncertain: ['rhdPositive'] },
  EU: { ...bySexAndAge, uncertain: ['rhdPositive'] },
  US: { ...bySexAndAge, uncertain: ['rhdPositive'] },
}
