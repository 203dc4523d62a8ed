import { Refusal } from '../../api/domain/refusal.ts'

/** The refusal of what is not done; undefined where it is done. Anything else that is thrown stays thrown. */
export function refusalOf(act: () => unknown): Refusal | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}
