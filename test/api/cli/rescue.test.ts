import { expect, test } from 'vitest'
import { describePlan } from '../../../api/cli/rescue.ts'

const plan = {
  ...{ alarm: 7, device: 'fridge-1', askedAt: '2020-05-06T12:00:00.000Z', policy: 1, limitAt: null },
  ...{ moves: [], stays: [], trips: [], carriers: 0, accepted: [] },
}

test('a plan is told by what is to be carried where, what stays and what was accepted', () => {
  expect(describePlan(plan)).toEqual(['nothing is inside fridge-1'])
  const leaveBy = '2020-05-06T12:22:30.000Z'
  const move = {
    ...{ order: 1, bagId: 'b', to: 'fridge-2', facility: 'H1', by: 'foot' as const, leaveBy, isHeld: true },
    ...{ label: 'A9999260000018 E0336V00', wayMinutes: 7.5, reading: null, placesLeft: 3, rejected: [] },
    reasons: [{ reason: 'nearest' as const, zh: '', en: 'the nearest that will do' }],
  }
  const stay = {
    ...{
      bagId: 'c',
      label: 'A9999260000026 E0336V00',
      reason: 'no_device' as const,
      zh: '',
      en: 'look further',
    },
    ...{ ask: ['fridge-3'], isHeld: false, rejected: [] },
  }
  const accepted = {
    ...{ order: 1, bagId: 'd', label: 'A9999260000034 E0336V00', from: 'fridge-1', to: 'fridge-2' },
    ...{ facility: 'H1', by: 'foot' as const, leaveBy: null, state: 'intended' as const, inside: 'fridge-1' },
    ...{ acceptedAt: leaveBy, settledAt: null, isToInAlarm: true, isToGone: false },
  }
  const gone = { ...accepted, isToGone: true }
  expect(describePlan({ ...plan, moves: [move], stays: [stay], accepted: [accepted, gone] })).toEqual([
    'out of fridge-1',
    '',
    'bag                      to           by    leave by (UTC)            why',
    `A9999260000018 E0336V00  H1/fridge-2  foot  ${leaveBy}  the nearest that will do; it is held`,
    '',
    'bag                      stays      what to do',
    'A9999260000026 E0336V00  no_device  look further; ask at fridge-3',
    '',
    'bag                      to           by    leave by (UTC)  accepted',
    'A9999260000034 E0336V00  H1/fridge-2  foot  -               intended, but that is in alarm now',
    'A9999260000034 E0336V00  H1/fridge-2  foot  -               intended, but that was retired or moved away',
  ])
})
