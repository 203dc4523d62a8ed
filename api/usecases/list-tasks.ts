import type { TaskKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { type Reach, reachOf } from '../domain/rights.ts'
import { unconfirmedSince } from '../domain/task.ts'
import { cnUnconfirmed } from '../policies/tasks.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { type About, issuedAtFridges } from '../stores/tasks.ts'
import { demandRight } from './demand.ts'

/** Something somebody must see to. Found each time it is asked for, and stored nowhere: what is done is no task. */
export type Task = About & {
  readonly kind: TaskKind
  readonly since: number
  readonly zh: string
  readonly en: string
}

/** Whoever takes bags out sees to them: it is a nurse who stands at the fridge, and she may cancel an issue too. */
const right = 'bag.take_out'

/** How the tasks of each kind are found. */
const finders: Readonly<Record<TaskKind, (ctx: Context, reach: Reach) => Promise<Task[]>>> = {
  issue_unconfirmed: unconfirmedIssues,
}

/** What is to be done within reach, the longest waiting first. @throws Refusal `not_found`, `forbidden` */
export async function listTasks(
  ctx: Context,
  { facility, kind }: { readonly facility?: string | undefined; readonly kind?: TaskKind | undefined },
): Promise<Task[]> {
  const reach = facility === undefined ? reachOf(ctx.grants, right) : await only(ctx, facility)
  const found: Task[] = []
  for (const [name, find] of Object.entries(finders))
    if (kind === undefined || kind === name) found.push(...(await find(ctx, reach)))
  return found.sort((a, b) => a.since - b.since || (a.bagId < b.bagId ? -1 : 1))
}

async function only(ctx: Context, facility: string): Promise<Reach> {
  const { id } = await findFacility(ctx.database.db, facility)
  demandRight(ctx, right, [id], noFacility(facility))
  return new Set([id])
}

async function unconfirmedIssues(ctx: Context, reach: Reach): Promise<Task[]> {
  const issues = await issuedAtFridges(ctx.database.db, reach)
  return issues.flatMap((issue) => {
    const found = unconfirmedSince(issue, ctx.now())
    if (!found) return []
    const { bagId, label, device, facility } = issue
    const { zh, en } = cnUnconfirmed[found.reason]
    return [{ kind: 'issue_unconfirmed', bagId, label, device, facility, since: found.since, zh, en }]
  })
}
