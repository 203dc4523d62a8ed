import { expect, test } from 'vitest'
import { openBook } from '../../../devices-sim/city/book.ts'

test('the bag handed out last is whichever was handed out last, not whichever came last', () => {
  const book = openBook()
  const bagOf = (bagId: string) =>
    book.add(
      {
        ...{ bagId, din: bagId, productCode: 'E0336V00', tag: null, unit: null, expiresAt: 1 },
        ...{ group: { abo: 'O', rhd: 'positive' }, state: 'available' },
      },
      'register',
    )
  const [older, newer] = [bagOf('older'), bagOf('newer')]
  expect(book.lastIssued()).toBeNull()
  book.did(newer, 'issue', 'issued')
  book.did(older, 'issue', 'issued')
  book.did(newer, 'transfuse', 'transfused')
  expect(book.lastIssued()).toBe(older)
  expect(newer).toMatchObject({ verbs: ['register', 'issue', 'transfuse'], state: 'transfused' })
})
