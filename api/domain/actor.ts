import type { Manifestation } from './signature.ts'

/** Who causes a write. Every writer takes one and leaves it in the audit entry. */
export type Actor =
  | {
      readonly kind: 'person'
      readonly id: string
      /** What was signed for this write: part of every row that keeps the actor. Absent where nothing was. */
      readonly signatures?: readonly Manifestation[]
    }
  | { readonly kind: 'device'; readonly id: string }
  | { readonly kind: 'job'; readonly id: string }
  | { readonly kind: 'integration'; readonly id: string }
