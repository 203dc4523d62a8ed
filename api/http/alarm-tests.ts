import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { AlarmTestInput, AlarmTests, AlarmTestsQuery } from '../../schema/http/alarm-tests.ts'
import { DeviceParams } from '../../schema/http/devices.ts'
import type { Context } from '../context.ts'
import { listAlarmTests } from '../stores/alarm-tests.ts'
import { reachDevice } from '../usecases/demand.ts'
import { recordAlarmTest } from '../usecases/record-alarm-test.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const tags = ['Alarms']
const missing = problem('No such device')

const list = createRoute({
  method: 'get',
  path: '/{name}/alarm-tests',
  tags,
  summary: 'When the alarms of a device were tested',
  ...needs('alarm.read'),
  request: { params: DeviceParams, query: AlarmTestsQuery },
  responses: { ...everywhere, 200: json(AlarmTests, 'The tests'), 404: missing },
})

const record = createRoute({
  method: 'post',
  path: '/{name}/alarm-tests',
  tags,
  summary: 'Write down that an alarm was tested, and whether it passed',
  ...needs('alarm.test'),
  request: { params: DeviceParams, body: body(AlarmTestInput) },
  responses: { ...everywhereWithBody, 201: json(AlarmTests, 'The tests'), 404: missing },
})

export const alarmTestRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    return c.json(await testsOf(c.var.ctx, c.req.valid('param').name, c.req.valid('query').limit), 200)
  })
  .openapi(record, async (c) => {
    const { name } = c.req.valid('param')
    await recordAlarmTest(c.var.ctx, { device: name, ...c.req.valid('json') })
    return c.json(await testsOf(c.var.ctx, name, 50), 201)
  })

async function testsOf(ctx: Context, name: string, limit: number) {
  const { db } = ctx.database
  const { id } = await reachDevice(ctx, db, name, 'alarm.read')
  const found = await listAlarmTests(db, id, limit)
  return {
    alarmTests: found.map(({ actor: by, at, recordedAt, ...test }) => {
      return { ...test, by, at: iso(at), recordedAt: iso(recordedAt) }
    }),
  }
}
