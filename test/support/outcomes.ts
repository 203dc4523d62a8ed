import { expect, vi } from 'vitest'

/** What went wrong, as a value; that nothing did is what goes wrong here. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const succeeded = Symbol('succeeded')
  const outcome = await work.then(
    () => succeeded,
    (error: unknown) => error,
  )
  expect(outcome, 'it should have failed').not.toBe(succeeded)
  return outcome
}

/** Wait for what someone else is doing to show here. */
export async function until(isSo: () => boolean | Promise<boolean>, timeout = 20_000): Promise<void> {
  await vi.waitFor(async () => expect(await isSo()).toBe(true), { timeout, interval: 20 })
}
