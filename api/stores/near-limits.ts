import { sql } from 'drizzle-orm'
import { device, deviceProfile, probe, probeState } from '../../schema/tables/devices.ts'
import { reading } from '../../schema/tables/messages.ts'
import type { Whose } from './alarms.ts'
import type { Database } from './database.ts'
import { standsIn } from './devices.ts'
import { jurisdictionAt } from './facilities.ts'

/** A load near one of its limits, and when its newest reading was measured. */
export type NearLimit = Whose & { readonly probeId: number; readonly lastAt: number }

/** More are not looked ahead for: the nearest come first. */
const most = 1_000

/**
 * The loads that are inside their limits, heard of late, near one of them and, as far as single readings show, on their
 * way to it; nearest first.
 *
 * @param nearShare of the band between the limits: what is nearer than this to one is near
 * @param leastMove hundredths of a degree in ten minutes; where no reading of then is at hand it may have moved
 */
export async function nearLimits(
  db: Database,
  now: number,
  { nearShare, leastMove }: { readonly nearShare: number; readonly leastMove: number },
): Promise<NearLimit[]> {
  const { rows } = await db.execute<NearLimit>(sql`
    select d.id as "deviceId", d.name as device, ${standsIn(sql`d.id`, now)} as "facilityId",
      ${jurisdictionAt(standsIn(sql`d.id`, now))} as jurisdiction, p.id as "probeId", s.last_at as "lastAt"
    from ${probe} p join ${probeState} s on s.probe_id = p.id join ${device} d on d.id = p.device_id,
    lateral (
      select low, high, max_silence_ms, s.last_centi - low < high - s.last_centi as is_low,
        least(s.last_centi - low, high - s.last_centi)::float8 / (high - low) as share
      from ${deviceProfile} f where f.device_id = d.id
      order by f."from" <= ${now} desc, abs(f."from" - ${now}) limit 1
    ) limits
    where p.kind = 'load' and d.revoked_at is null and s.last_at >= ${now}::bigint - limits.max_silence_ms
      and s.last_centi between limits.low and limits.high and share <= ${nearShare}::float8
      and coalesce((
        select case when is_low then r.centi - s.last_centi else s.last_centi - r.centi end from ${reading} r
        where r.probe_id = p.id and r.at between s.last_at - 3600000 and s.last_at - 600000 order by r.at desc limit 1
      ) >= ${leastMove}, true)
    order by share, p.id limit ${most}`)
  return rows
}
