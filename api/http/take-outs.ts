import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import {
  NothingInput,
  ScanAnswer,
  ScanInput,
  TakeOut,
  TakeOutInput,
  TakeOutParams,
  TakeOutSession,
} from '../../schema/http/life.ts'
import type { Finding } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { checkTakeOut } from '../usecases/check-take-out.ts'
import { openTakeOut } from '../usecases/open-take-out.ts'
import { readTakeOut } from '../usecases/read-take-out.ts'
import { scanBag } from '../usecases/scan-bag.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import { codesOf } from './bags.ts'
import type { Env } from './env.ts'
import { iso, isoOrNull } from './units.ts'
import { bagView, clockView } from './views/bags.ts'
import { unlockView } from './views/commands.ts'

const tags = ['Take-out']

const open = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'At a fridge: say for whom; the door is told to open, and which bags fit is answered',
  ...needs('bag.take_out'),
  request: { body: body(TakeOutInput) },
  responses: {
    ...everywhereWithBody,
    201: json(TakeOut, 'What may be taken'),
    404: problem('No such device, patient or order'),
    409: problem('The order may not be filled'),
  },
})

const read = createRoute({
  method: 'get',
  path: '/{takeOutId}',
  tags,
  summary: 'A take-out as it stands: did the door open, and what was answered to scans',
  ...needs('bag.take_out'),
  request: { params: TakeOutParams },
  responses: { ...everywhere, 200: json(TakeOutSession, 'The take-out'), 404: problem('No such take-out') },
})

const check = createRoute({
  method: 'post',
  path: '/{takeOutId}/checks',
  tags,
  summary: 'A second person says that bag, label and patient were compared',
  ...needs('bag.take_out'),
  request: { params: TakeOutParams, body: body(NothingInput) },
  responses: {
    ...everywhereWithBody,
    201: json(TakeOutSession, 'The take-out'),
    404: problem('No such take-out'),
    409: problem('The door session is over'),
  },
})

const scan = createRoute({
  method: 'post',
  path: '/{takeOutId}/scans',
  tags,
  summary: 'Scan the bag in hand: GO, STOP or CALL',
  ...needs('bag.take_out'),
  request: { params: TakeOutParams, body: body(ScanInput) },
  responses: {
    ...everywhereWithBody,
    201: json(ScanAnswer, 'The answer; with GO the bag is issued'),
    404: problem('No such take-out'),
    409: problem('The door session is over'),
  },
})

export const takeOutRoutes = new OpenAPIHono<Env>()
  .openapi(open, async (c) => {
    const { ctx } = c.var
    const {
      device,
      patient = null,
      emergency,
      reason = null,
      order = null,
      sex = null,
      ageYears = null,
    } = c.req.valid('json')
    const asked = { device, patient, emergency, reason, order, seen: { sex, ageYears } }
    const { id, expiresAt, checkNeeded, unlock, bags } = await openTakeOut(ctx, asked)
    const codes = await codesOf(
      ctx,
      bags.map(({ bag }) => bag),
    )
    return c.json(
      {
        takeOutId: id,
        expiresAt: iso(expiresAt),
        checkNeeded,
        unlock: unlockView(unlock, ctx.now()),
        bags: bags.map(({ bag, needsOverride }) => ({ ...bagView(bag, codes), needsOverride })),
      },
      201,
    )
  })
  .openapi(read, async (c) => {
    return c.json(await sessionView(c.var.ctx, c.req.valid('param').takeOutId), 200)
  })
  .openapi(check, async (c) => {
    const { takeOutId } = c.req.valid('param')
    await checkTakeOut(c.var.ctx, takeOutId)
    return c.json(await sessionView(c.var.ctx, takeOutId), 201)
  })
  .openapi(scan, async (c) => {
    const { takeOutId } = c.req.valid('param')
    const { override = null, breakGlass: glassBroken = null, ...label } = c.req.valid('json')
    const { answer, rule, findings, bag, telephone, clock } = await scanBag(
      c.var.ctx,
      { takeOutId, ...label, override, glassBroken },
      c.var.ahead,
    )
    const reason = rule && { code: rule.code, zh: rule.zh, en: rule.en }
    const told = { telephone, clock: clock && clockView(clock) }
    return c.json({ answer, reason, findings: [...findings], bagId: bag?.id ?? null, ...told }, 201)
  })

async function sessionView(ctx: Context, takeOutId: string): Promise<z.infer<typeof TakeOutSession>> {
  const { session, unlock, answers, device, facility, patient } = await readTakeOut(ctx, takeOutId)
  return {
    takeOutId: session.id,
    device,
    facility,
    patient,
    emergency: session.emergency,
    openedAt: iso(session.openedAt),
    expiresAt: iso(session.expiresAt),
    unlock: unlock && unlockView(unlock, ctx.now()),
    checkNeeded: session.checkNeeded,
    checkedAt: isoOrNull(session.checkedAt),
    telephone: session.telephone,
    scans: answers.map(({ knownAt, scanned, bagId, answer, findings }) => ({
      at: iso(knownAt),
      scanned,
      bagId,
      answer,
      findings: findings as Finding[],
    })),
  }
}
