/** Who causes a write. Every writer takes one and leaves it in the audit entry. */
export type Actor =
  | { readonly kind: 'person'; readonly id: string }
  | { readonly kind: 'device'; readonly id: string }
  | { readonly kind: 'job'; readonly id: string }
  | { readonly kind: 'integration'; readonly id: string }
