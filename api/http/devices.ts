import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import {
  Capacity,
  CapacityChange,
  Device,
  DeviceInput,
  DeviceMove,
  DeviceParams,
  Devices,
  DevicesQuery,
  Label,
  LabelChange,
  MoveInput,
  Profile,
  ProfileChange,
  ProvisionedDevice,
  Revocation,
  RevocationInput,
  RotatedSecret,
  RotationInput,
} from '../../schema/http/devices.ts'
import { reachOf } from '../domain/rights.ts'
import { clockFaultsOf } from '../stores/clocks.ts'
import { listDevices, newestReadings, readDeviceState } from '../stores/device-states.ts'
import { reachDevice } from '../usecases/demand.ts'
import { labelDevice } from '../usecases/label-device.ts'
import { moveDevice } from '../usecases/move-device.ts'
import { provisionDevice } from '../usecases/provision-device.ts'
import { revokeDevice } from '../usecases/revoke-device.ts'
import { rotateDeviceSecret } from '../usecases/rotate-device-secret.ts'
import { setDeviceCapacity } from '../usecases/set-device-capacity.ts'
import { setDeviceProfile } from '../usecases/set-device-profile.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'
import { deviceSummary, deviceView, profileOf, profileView } from './views/devices.ts'

const tags = ['Devices']
const missing = problem('No such device')

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Devices by name, with what was last heard of them',
  ...needs('device.read'),
  request: { query: DevicesQuery },
  responses: { ...everywhere, 200: json(Devices, 'A page of devices') },
})

const provision = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Make a device known and get its secret, this once',
  ...needs('device.manage'),
  request: { body: body(DeviceInput) },
  responses: {
    ...everywhereWithBody,
    201: json(ProvisionedDevice, 'The device and its secret'),
    404: problem('No such facility'),
    409: problem('The name is taken'),
  },
})

const read = createRoute({
  method: 'get',
  path: '/{name}',
  tags,
  summary: 'One device as it is now',
  ...needs('device.read'),
  request: { params: DeviceParams },
  responses: { ...everywhere, 200: json(Device, 'The device'), 404: missing },
})

const setProfile = createRoute({
  method: 'put',
  path: '/{name}/profile',
  tags,
  summary: 'Set what a device must keep, from an instant on',
  ...needs('device.manage'),
  request: { params: DeviceParams, body: body(ProfileChange) },
  responses: {
    ...everywhereWithBody,
    200: json(Profile, 'The profile and when it comes into force'),
    404: missing,
    409: problem('Another change begins at that very instant'),
  },
})

const setCapacity = createRoute({
  method: 'put',
  path: '/{name}/capacity',
  tags,
  summary: 'Say how many bags a device takes in all',
  ...needs('device.manage'),
  request: { params: DeviceParams, body: body(CapacityChange) },
  responses: { ...everywhereWithBody, 200: json(Capacity, 'What was said'), 404: missing },
})

const setLabel = createRoute({
  method: 'put',
  path: '/{name}/label',
  tags,
  summary: 'Say what people call a device; its name stays',
  ...needs('device.manage'),
  request: { params: DeviceParams, body: body(LabelChange) },
  responses: { ...everywhereWithBody, 200: json(Label, 'What was said'), 404: missing },
})

const move = createRoute({
  method: 'post',
  path: '/{name}/moves',
  tags,
  summary: 'Say that a device stands at another facility, since now or some time ago',
  ...needs('device.manage'),
  request: { params: DeviceParams, body: body(MoveInput) },
  responses: {
    ...everywhereWithBody,
    201: json(DeviceMove, 'Where it stands, and since when'),
    404: problem('No such device, or no such facility'),
    409: problem('It stands there already, or came where it stands no earlier than that'),
  },
})

const rotate = createRoute({
  method: 'post',
  path: '/{name}/secret',
  tags,
  summary: 'Give a device a new secret',
  ...needs('device.manage'),
  request: { params: DeviceParams, body: body(RotationInput) },
  responses: {
    ...everywhereWithBody,
    200: json(RotatedSecret, 'The new secret, shown this once'),
    404: missing,
    409: problem('The device is revoked'),
  },
})

const revoke = createRoute({
  method: 'post',
  path: '/{name}/revocation',
  tags,
  summary: 'Believe a device no longer',
  ...needs('device.manage'),
  request: { params: DeviceParams, body: body(RevocationInput) },
  responses: { ...everywhereWithBody, 200: json(Revocation, 'Since when it is revoked'), 404: missing },
})

export const deviceRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const { database, grants, now } = c.var.ctx
    const { after, limit } = c.req.valid('query')
    const reach = reachOf(grants, 'device.read')
    const found = await listDevices(database.db, { after, limit: limit + 1, reach, now: now() })
    const devices = found.slice(0, limit).map((device) => deviceSummary(device, now()))
    const next = found.length > limit ? (devices.at(-1)?.name ?? null) : null
    return c.json({ devices, next }, 200)
  })
  .openapi(provision, async (c) => {
    const { inServiceFrom: from = c.var.ctx.now(), ...input } = c.req.valid('json')
    const { name, label, kind, facility } = input
    const about = { name, kind, facility }
    const profile = profileOf(input.profile)
    const { secret } = await provisionDevice(c.var.ctx, { ...about, label, inServiceFrom: from, profile })
    const shown = { inServiceFrom: iso(from), profile: profileView({ from, ...profile }) }
    return c.json({ ...about, label: label ?? null, ...shown, secret }, 201)
  })
  .openapi(read, async (c) => {
    const { database, now } = c.var.ctx
    const device = await reachDevice(c.var.ctx, database.db, c.req.valid('param').name, 'device.read')
    const state = await readDeviceState(database.db, device.id)
    const readings = await newestReadings(database.db, [device.id])
    const faults = await clockFaultsOf(database.db, device.id)
    return c.json(deviceView(device, { state, readings, faults }, now()), 200)
  })
  .openapi(setProfile, async (c) => {
    const { from, ...input } = c.req.valid('json')
    const device = c.req.valid('param').name
    const profile = await setDeviceProfile(c.var.ctx, { device, profile: profileOf(input), from })
    return c.json(profileView(profile), 200)
  })
  .openapi(setCapacity, async (c) => {
    const { capacity } = c.req.valid('json')
    await setDeviceCapacity(c.var.ctx, { device: c.req.valid('param').name, capacity })
    return c.json({ capacity }, 200)
  })
  .openapi(setLabel, async (c) => {
    const { label } = c.req.valid('json')
    await labelDevice(c.var.ctx, { device: c.req.valid('param').name, label })
    return c.json({ label }, 200)
  })
  .openapi(move, async (c) => {
    const { name } = c.req.valid('param')
    const { facility, from } = await moveDevice(c.var.ctx, { device: name, ...c.req.valid('json') })
    return c.json({ name, facility, from: iso(from) }, 201)
  })
  .openapi(rotate, async (c) => {
    const { name } = c.req.valid('param')
    const graceMs = c.req.valid('json').graceSeconds * 1_000
    const { secret, previousUntil } = await rotateDeviceSecret(c.var.ctx, { device: name, graceMs })
    return c.json({ name, secret, previousUntil: iso(previousUntil) }, 200)
  })
  .openapi(revoke, async (c) => {
    const { name } = c.req.valid('param')
    const { reason } = c.req.valid('json')
    const { revokedAt, bagsInside } = await revokeDevice(c.var.ctx, { device: name, reason })
    return c.json({ name, revokedAt: iso(revokedAt), bagsInside }, 200)
  })
