import { describe, expect, test } from 'vitest'
import { type BloodGroup, compatibilityOf, type RecipientGroup } from '../../../api/domain/compatibility.ts'
import { abos, components, rhds } from '../../../schema/vocabulary.ts'

/*
 * Every cell, from what is on the cells and in the plasma: a group's letters are its antigens, and its plasma fights the
 * letters it lacks. Nothing here is a table of groups.
 */

const letters = ['A', 'B']
const onCells = (abo: string | null) => letters.filter((letter) => abo === null || abo.includes(letter))
const inPlasma = (abo: string | null) => letters.filter((letter) => abo === null || !abo.includes(letter))
const clash = (antibodies: string[], antigens: string[]) => antibodies.some((one) => antigens.includes(one))

const donors: BloodGroup[] = abos.flatMap((abo) => rhds.map((rhd) => ({ abo, rhd })))
const recipients: RecipientGroup[] = [...abos, null].flatMap((abo) =>
  [...rhds, null].map((rhd) => ({ abo, rhd })),
)
const show = ({ abo, rhd }: RecipientGroup) => `${abo ?? 'unknown'} ${rhd ?? 'unknown'}`

/** What a bag of each component brings into the recipient. */
const brings = {
  red_cells: { cells: true, plasma: false },
  whole_blood: { cells: true, plasma: true },
  plasma: { cells: false, plasma: true },
  cryoprecipitate: { cells: false, plasma: true },
  thawed_plasma: { cells: false, plasma: true },
  thawed_cryoprecipitate: { cells: false, plasma: true },
  frozen_red_cells: { cells: true, plasma: false },
  granulocytes: { cells: true, plasma: true },
} as const

describe.each(components)('%s', (component) => {
  test.each(donors.flatMap((donor) => recipients.map((recipient) => ({ donor, recipient }))))(
    'of $donor for $recipient',
    ({ donor, recipient }) => {
      const { verdict, needs } = compatibilityOf(component, donor, recipient)
      const cellsAttacked = clash(inPlasma(recipient.abo), onCells(donor.abo))
      const recipientAttacked = clash(inPlasma(donor.abo), onCells(recipient.abo))
      const needsD = donor.rhd === 'positive' && recipient.rhd !== 'positive'
      const what = `${show(donor)} for ${show(recipient)}`
      if (component === 'platelets') {
        // Platelets carry little A and B: attacked, they are only worth less. Their plasma counts.
        const isB = recipient.abo === null && donor.abo === 'B'
        expect(verdict, what).toBe(isB ? 'incompatible' : 'compatible')
        expect(needs.includes('low_titre'), what).toBe(recipientAttacked && !isB)
        expect(needs.includes('rhd_override'), what).toBe(needsD && !isB)
        return
      }
      const { cells, plasma } = brings[component]
      const isKnown = recipient.abo !== null
      const isExcusable = component !== 'granulocytes'
      const excused =
        isExcusable &&
        (component === 'whole_blood'
          ? donor.abo === 'O'
          : donor.abo === 'A' || (donor.abo === 'B' && isKnown))
      const harm = (cells && cellsAttacked) || (plasma && recipientAttacked && !excused)
      expect(verdict, what).toBe(harm ? 'incompatible' : 'compatible')
      expect(needs.includes('low_titre'), what).toBe(!harm && plasma && recipientAttacked)
      expect(needs.includes('rhd_override'), what).toBe(!harm && cells && needsD)
    },
  )
})

describe('what is preferred', () => {
  const preferred = (component: (typeof components)[number], recipient: RecipientGroup) =>
    donors
      .filter(({ rhd }) => rhd === (recipient.rhd ?? 'positive'))
      .map((donor) => ({ abo: donor.abo, ...compatibilityOf(component, donor, recipient) }))
      .filter(({ verdict }) => verdict === 'compatible')
      .sort((a, b) => a.rank - b.rank)
      .map(({ abo }) => abo)

  test('an own group before one whose antigens or antibodies are scarce', () => {
    expect(preferred('red_cells', { abo: 'A', rhd: 'positive' })).toEqual(['A', 'O'])
    expect(preferred('red_cells', { abo: 'AB', rhd: 'positive' })).toEqual(['AB', 'A', 'B', 'O'])
    expect(preferred('plasma', { abo: 'O', rhd: 'positive' })).toEqual(['O', 'A', 'B', 'AB'])
    expect(preferred('plasma', { abo: 'A', rhd: 'positive' })).toEqual(['A', 'AB', 'B'])
  })

  test('of a patient nobody has grouped: red cells O and plasma AB, none else without conditions', () => {
    expect(preferred('red_cells', { abo: null, rhd: null })).toEqual(['O'])
    expect(preferred('plasma', { abo: null, rhd: null })[0]).toBe('AB')
    expect(preferred('whole_blood', { abo: null, rhd: null })).toEqual(['O'])
  })

  test('no cell without RhD where one with it will do', () => {
    const recipient = { abo: 'A', rhd: 'positive' } as const
    const rank = (donor: BloodGroup) => compatibilityOf('red_cells', donor, recipient).rank
    expect(rank({ abo: 'O', rhd: 'positive' })).toBeLessThan(rank({ abo: 'A', rhd: 'negative' }))
  })
})
