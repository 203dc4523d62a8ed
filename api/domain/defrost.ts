import { Refusal } from './refusal.ts'

/** While a device is defrosted, [from, to), ms UTC. */
export type Defrost = { readonly from: number; readonly to: number }

/** How long one may last, and how far apart two must be, ms. */
export type DefrostRules = { readonly longestMs: number; readonly apartMs: number }

/**
 * May this be declared? Never for the past, for what was paged was paged; never for longer than is safe, nor so soon after
 * or before another that it would be longer in all but name.
 *
 * @param others of the same device
 * @throws Refusal `invalid_request`, `conflict`
 */
export function mustDefrost(
  { from, to }: Defrost,
  others: readonly Defrost[],
  { longestMs, apartMs }: DefrostRules,
  now: number,
): void {
  const refuse = (why: string) => new Refusal('invalid_request', why)
  if (from < now) throw refuse(`from: ${new Date(from).toISOString()} is in the past`)
  if (to <= from) throw refuse('to: must be after from')
  if (to - from > longestMs) throw refuse(`to: a defrost lasts ${longestMs / 60_000} minutes at most`)
  const near = others.find((other) => from < other.to + apartMs && other.from < to + apartMs)
  if (near)
    throw new Refusal(
      'conflict',
      `another is declared from ${new Date(near.from).toISOString()}: leave ${apartMs / 60_000} minutes between them`,
    )
}
