import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import { DeviceParams } from '../../schema/http/devices.ts'
import {
  Calibration,
  CalibrationInput,
  Calibrations,
  Maintenance,
  MaintenanceInput,
  Maintenances,
  ManualReading,
  ManualReadingInput,
  ManualReadings,
  Mapping,
  MappingInput,
  Mappings,
  Qualification,
  QualificationInput,
  Qualifications,
  RecordsQuery,
} from '../../schema/http/equipment.ts'
import type { Context } from '../context.ts'
import type { Right } from '../domain/rights.ts'
import { toCenti } from '../domain/temperature.ts'
import { type EquipmentRecord, listRecords, type RecordKind } from '../stores/equipment.ts'
import { reachDevice } from '../usecases/demand.ts'
import { readByHand } from '../usecases/read-by-hand.ts'
import { recordEquipment } from '../usecases/record-equipment.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import {
  calibrationOf,
  calibrationView,
  maintenanceView,
  manualReadingView,
  mappingOf,
  mappingView,
  qualificationView,
} from './views/equipment.ts'

const tags = ['Equipment']
const missing = problem('No such device')

/** A kind of record: what it is called, what is asked and answered, and how it is written down. */
type Described<K extends RecordKind, Input extends z.ZodType> = {
  readonly kind: K
  readonly path: string
  readonly right: Right
  readonly summaries: { readonly add: string; readonly list: string }
  readonly input: Input
  readonly one: z.ZodType
  readonly many: z.ZodType
  /** What `many` calls its list. */
  readonly key: string
  readonly view: (row: EquipmentRecord<K>) => unknown
  readonly record: (ctx: Context, device: string, input: z.output<Input>) => Promise<EquipmentRecord<K>>
}

export const equipmentRoutes = new OpenAPIHono<Env>()

/** One route to add a record of a device, and one to list them. */
function mount<K extends RecordKind, Input extends z.ZodType>(described: Described<K, Input>): void {
  const { kind, right, summaries, input, one, many, key, view, record } = described
  const path = `/{name}/${described.path}` as '/{name}/{records}'
  const add = createRoute({
    method: 'post',
    path,
    tags,
    summary: summaries.add,
    ...needs(right),
    request: { params: DeviceParams, body: body<z.ZodType>(input) },
    responses: { ...everywhereWithBody, 201: json(one, 'The record'), 404: missing },
  })
  const list = createRoute({
    method: 'get',
    path,
    tags,
    summary: summaries.list,
    ...needs('device.read'),
    request: { params: DeviceParams, query: RecordsQuery },
    responses: { ...everywhere, 200: json(many, 'A page of records'), 404: missing },
  })
  equipmentRoutes
    .openapi(add, async (c) => {
      const { name } = c.req.valid('param') as { name: string }
      const added = await record(c.var.ctx, name, c.req.valid('json') as z.output<Input>)
      return c.json(view(added) as never, 201)
    })
    .openapi(list, async (c) => {
      const { name } = c.req.valid('param') as { name: string }
      const { before, limit } = c.req.valid('query')
      const { db } = c.var.ctx.database
      const { id } = await reachDevice(c.var.ctx, db, name, 'device.read')
      const found = await listRecords(db, kind, id, { before, limit: limit + 1 })
      const shown = found.slice(0, limit)
      const next = found.length > limit ? (shown.at(-1)?.id ?? null) : null
      return c.json({ [key]: shown.map(view), next } as never, 200)
    })
}

mount({
  kind: 'calibration',
  path: 'calibrations',
  right: 'equipment.record',
  summaries: {
    add: 'Record that a probe was calibrated',
    list: 'The calibrations of the probes of a device, newest first',
  },
  input: CalibrationInput,
  one: Calibration,
  many: Calibrations,
  key: 'calibrations',
  view: calibrationView,
  record: (ctx, device, input) =>
    recordEquipment(ctx, 'calibration', { device, record: calibrationOf(input) }),
})

mount({
  kind: 'qualification',
  path: 'qualifications',
  right: 'equipment.record',
  summaries: {
    add: 'Record that a device was qualified, or was not',
    list: 'The qualifications of a device, newest first',
  },
  input: QualificationInput,
  one: Qualification,
  many: Qualifications,
  key: 'qualifications',
  view: qualificationView,
  record: (ctx, device, record) => recordEquipment(ctx, 'qualification', { device, record }),
})

mount({
  kind: 'maintenance',
  path: 'maintenance',
  right: 'equipment.record',
  summaries: {
    add: 'Record that a device was mended or serviced',
    list: 'The maintenance of a device, newest first',
  },
  input: MaintenanceInput,
  one: Maintenance,
  many: Maintenances,
  key: 'maintenance',
  view: maintenanceView,
  record: (ctx, device, record) => recordEquipment(ctx, 'maintenance', { device, record }),
})

mount({
  kind: 'mapping',
  path: 'mappings',
  right: 'equipment.record',
  summaries: {
    add: 'Record that the temperatures in a device were mapped',
    list: 'The mappings of a device, newest first',
  },
  input: MappingInput,
  one: Mapping,
  many: Mappings,
  key: 'mappings',
  view: mappingView,
  record: (ctx, device, input) => recordEquipment(ctx, 'mapping', { device, record: mappingOf(input) }),
})

mount({
  kind: 'manual_reading',
  path: 'manual-readings',
  right: 'temperature.record',
  summaries: {
    add: 'Record what somebody reads off a device now',
    list: 'What was read off a device by hand, newest first',
  },
  input: ManualReadingInput,
  one: ManualReading,
  many: ManualReadings,
  key: 'manualReadings',
  view: manualReadingView,
  record: (ctx, device, { celsius, probe, remark }) =>
    readByHand(ctx, { device, centi: toCenti(celsius), probe, remark }),
})
