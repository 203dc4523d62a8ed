import type { Process } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { oneOfOne } from '../domain/product.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Transaction } from '../stores/database.ts'
import {
  assignTag,
  devicesThatSaw,
  lockInventories,
  lockTags,
  refoldPlaces,
  removeTag,
  tagsOn,
} from '../stores/sightings.ts'

/** The tag goes on a child, and off the bag it is on; null where it is on none of those it is made of. */
export type TagMove = { readonly tag: string; readonly off: string | null; readonly on: number }

type Named = readonly { readonly tag?: string | undefined }[]
type Standing = readonly { readonly tag: string; readonly bagId: string }[]

/** The tags that are on these bags, locked together with those that are named; before any lock on a bag. */
export async function standingTags(
  tx: Transaction,
  bagIds: readonly string[],
  named: Named,
): Promise<Standing> {
  const found = await tagsOn(tx, bagIds)
  const tags = [...new Set([...found.map(({ tag }) => tag), ...named.flatMap(({ tag }) => tag ?? [])])]
  if (tags.length === 0) return []
  await lockTags(tx, tags)
  const devices: number[] = []
  for (const tag of tags) devices.push(...(await devicesThatSaw(tx, tag)))
  await lockInventories(tx, devices)
  const again = await tagsOn(tx, bagIds)
  if (again.some(({ tag }) => !tags.includes(tag)))
    throw new Refusal('conflict', 'one of these bags was tagged meanwhile: look again')
  return again
}

/**
 * Where each tag goes. What is one bag still, or the first of its parts, keeps the tag of what it was made of where nobody
 * names one; of what is separated or pooled it stays where it is until somebody says.
 */
export function tagMoves(process: Process, standing: Standing, children: Named): TagMove[] {
  const offOf = (tag: string) => standing.find((one) => one.tag === tag)?.bagId ?? null
  const named = children.flatMap(({ tag }, on) => (tag === undefined ? [] : [{ tag, off: offOf(tag), on }]))
  if (new Set(named.map(({ tag }) => tag)).size < named.length)
    throw new Refusal('invalid_request', 'children: one tag is named for two bags')
  if (named.length > 0 || !(process === 'split' || oneOfOne.has(process))) return named
  return standing.map(({ tag, bagId: off }) => ({ tag, off, on: 0 }))
}

/** From now on. */
export async function moveTags(
  tx: Transaction,
  actor: Actor,
  moves: readonly TagMove[],
  { parents, children }: { readonly parents: readonly string[]; readonly children: readonly string[] },
  now: number,
): Promise<void> {
  if (moves.length === 0) return
  for (const { tag, off, on } of moves) {
    if (off !== null) await removeTag(tx, actor, { tag, bagId: off, at: now }, now)
    await assignTag(tx, actor, { tag, bagId: children[on] as string, from: now }, now)
  }
  await refoldPlaces(tx, [...parents, ...children].sort(), now)
}
