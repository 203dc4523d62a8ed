import { desc, eq, sql } from 'drizzle-orm'
import { alarmTest } from '../../schema/tables/alarms.ts'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import type { AlarmKind } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { Reach } from '../domain/rights.ts'
import type { TestedAlarm } from '../domain/task.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { isIn } from './rows.ts'

/** That a device was made to alarm on purpose. */
export type AlarmTest = {
  readonly kind: AlarmKind
  readonly passed: boolean
  readonly comment: string
  /** When it was tested. */
  readonly at: number
}

/** The tests of a device, the last first. */
export async function listAlarmTests(
  db: Database,
  deviceId: number,
  limit: number,
): Promise<(AlarmTest & { readonly actor: Actor; readonly recordedAt: number })[]> {
  const rows = await db
    .select()
    .from(alarmTest)
    .where(eq(alarmTest.deviceId, deviceId))
    .orderBy(desc(alarmTest.at), desc(alarmTest.id))
    .limit(limit)
  return rows.map(({ kind, passed, comment, at, recordedAt, actor }) => {
    return { kind, passed, comment, at, recordedAt, actor: actor as Actor }
  })
}

export async function insertAlarmTest(
  tx: Transaction,
  actor: Actor,
  { id, name }: { readonly id: number; readonly name: string },
  test: AlarmTest,
  now: number,
): Promise<void> {
  await tx.insert(alarmTest).values({ ...test, deviceId: id, recordedAt: now, actor })
  const { comment, ...after } = test
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.alarm_tested',
    subjectKind: 'device',
    subject: name,
    after,
    reason: comment,
  })
}

/** So many are found at most. */
const mostAtOnce = 200

/** The alarms of devices that stand within reach that are to be tested, the longest first: `alarmTestDueSince` in SQL. */
export async function alarmsToTest(
  db: Database,
  reach: Reach,
  {
    kinds,
    everyMs,
    now,
  }: { readonly kinds: readonly AlarmKind[]; readonly everyMs: number; readonly now: number },
): Promise<
  (TestedAlarm & { readonly device: string; readonly facility: string; readonly kind: AlarmKind })[]
> {
  const wanted = sql`unnest(${`{${kinds.join()}}`}::text[])`
  const lastAt = (passed: boolean) => sql`(select max(t.at) from ${alarmTest} t
    where t.device_id = d.id and t.kind = k.kind and t.passed = ${passed})`
  const { rows } = await db.execute<
    TestedAlarm & { readonly device: string; readonly facility: string; readonly kind: AlarmKind }
  >(sql`
    select d.name as device, f.code as facility, k.kind, d.in_service_from as "inServiceFrom",
      tested.passed_at as "passedAt", tested.failed_at as "failedAt"
    from ${device} d join ${facility} f on f.id = ${standsIn(sql`d.id`, now)} cross join ${wanted} k (kind),
    lateral (select ${lastAt(true)} as passed_at, ${lastAt(false)} as failed_at) tested,
    lateral (select case when tested.failed_at >= coalesce(tested.passed_at, tested.failed_at) then tested.failed_at
      else coalesce(tested.passed_at, d.in_service_from) + ${everyMs}::bigint end as at) due
    where d.revoked_at is null and due.at <= ${now} and ${isIn(reach, sql`f.id`) ?? sql`true`}
    order by due.at, d.name, k.kind
    limit ${mostAtOnce}`)
  return rows
}
