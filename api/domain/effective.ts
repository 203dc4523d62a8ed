/** Something in force from an instant until the next of its kind. */
export type Effective = { readonly from: number }

/**
 * The version in force at `at`: the newest with `from <= at`. Before the first version the first is used, so that a
 * backlog from before it is judged by something rather than by nothing.
 *
 * @param versions at least one, by ascending `from`
 */
export function inForce<T extends Effective>(versions: readonly T[], at: number): T {
  let index = versions.length - 1
  while (index > 0 && (versions[index] as T).from > at) index--
  const version = versions[index]
  if (!version) throw new Error('no version is known at all')
  return version
}
