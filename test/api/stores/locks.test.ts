import { expect, test } from 'vitest'
import { dutyLocks, migrationLock, transactionLocks } from '../../../api/stores/locks.ts'

test('no two things share a lock, for one of them may be held for as long as a process lives', () => {
  const numbers = [...Object.values(dutyLocks), ...Object.values(transactionLocks), migrationLock]
  expect(new Set(numbers).size).toBe(numbers.length)
})
