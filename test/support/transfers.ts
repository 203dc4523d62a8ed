import fc from 'fast-check'
import type {
  TransferBag,
  TransferDemand,
  TransferLevel,
  TransferProblem,
} from '../../api/domain/transfer/problem.ts'
import { cnTransfer } from '../../api/policies/transfer.ts'
import { abos, rhds, type UnitOfMeasure, urgencies } from '../../schema/vocabulary.ts'

export const at = Date.UTC(2026, 10, 24, 8)
const hour = 3_600_000

const kinds = [
  { component: 'red_cells', uom: 'U', amounts: [100, 150, 200] },
  { component: 'plasma', uom: 'mL', amounts: [10_000, 20_000] },
  { component: 'platelets', uom: 'dose', amounts: [100] },
] as const

const group = fc.record({ abo: fc.constantFrom(...abos), rhd: fc.constantFrom(...rhds) })
const oftenO = fc.record({ abo: fc.constantFrom('O', 'O', ...abos), rhd: fc.constant('positive' as const) })
/** Most people's, so that what is drawn meets. */
const usual = fc.oneof({ weight: 3, arbitrary: oftenO }, { weight: 1, arbitrary: group })

const kind = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2) },
)

export type Sizes = { readonly sites: number; readonly bags: number; readonly demands: number }

/** A city with its needs: whatever a problem may say, the seldom as likely as not to be there. */
export function problems({ sites: most, bags, demands }: Sizes): fc.Arbitrary<TransferProblem> {
  return fc
    .integer({ min: 2, max: most })
    .chain((count) => {
      const ids = Array.from({ length: count }, (_, index) => `S${index + 1}`)
      const site = fc.constantFrom(...ids)
      return fc.record({
        ids: fc.constant(ids),
        boxes: fc.array(
          fc.option(fc.subarray(['cold', 'room', 'frozen'] as const, { minLength: 2 }), { nil: null }),
          {
            minLength: count,
            maxLength: count,
          },
        ),
        minutes: fc.array(
          fc.array(fc.option(fc.integer({ min: 1, max: 12 }), { freq: 12, nil: null }), {
            minLength: count,
            maxLength: count,
          }),
          { minLength: count, maxLength: count },
        ),
        bags: fc.array(
          fc.record({
            site: fc.oneof(
              { weight: 4, arbitrary: fc.constantFrom(...ids.slice(1)) },
              { weight: 1, arbitrary: site },
            ),
            kind,
            size: fc.nat({ max: 2 }),
            group: fc.option(usual, { freq: 15, nil: null }),
            hours: fc.oneof(
              { weight: 1, arbitrary: fc.integer({ min: -1, max: 30 }) },
              { weight: 4, arbitrary: fc.integer({ min: 24, max: 500 }) },
            ),
            lowTitre: fc.boolean(),
            treated: fc.subarray(['irradiated'] as const),
            obstacle: fc.option(fc.constantFrom('not_issuable', 'reserved', 'cold_chain'), {
              freq: 1,
              nil: null,
            }),
            isClean: fc.integer({ min: 0, max: 9 }).map((draw) => draw > 0),
          }),
          { minLength: Math.ceil(bags / 2), maxLength: bags },
        ),
        levels: fc.array(
          fc.record({
            site,
            kind,
            group: usual,
            levels: fc.array(fc.nat({ max: 4 }), { minLength: 3, maxLength: 3 }),
            booked: fc.nat({ max: 1 }),
            perDay: fc.option(fc.nat({ max: 300 }), { nil: null }),
          }),
          { maxLength: 2 * most },
        ),
        demands: fc.array(
          fc.record({
            site: fc.oneof({ weight: 3, arbitrary: fc.constant('S1') }, { weight: 2, arbitrary: site }),
            kind,
            group: fc.record({
              abo: fc.option(fc.constantFrom('AB', ...abos), { freq: 6, nil: null }),
              rhd: fc.option(fc.constantFrom('positive', 'positive', 'negative'), { freq: 4, nil: null }),
            }),
            rhdPositiveAllowed: fc.nat({ max: 3 }).map((draw) => draw > 0),
            irradiated: fc.nat({ max: 5 }).map((draw) => draw === 0),
            bags: fc.integer({ min: 1, max: 4 }),
            minutes: fc.integer({ min: 15, max: 60 }),
            urgency: fc.constantFrom(...urgencies),
          }),
          { minLength: 1, maxLength: demands },
        ),
      })
    })
    .map(({ ids, boxes, minutes, bags: drawnBags, levels, demands: drawnDemands }): TransferProblem => {
      const kindAt = (index: number) => kinds[index] as (typeof kinds)[number]
      const stock = drawnBags.map(
        ({ site, kind, size, group, hours, isClean, ...bag }, index): TransferBag => {
          const { component, uom, amounts } = kindAt(kind)
          const amount = amounts[size % amounts.length] as number
          const obstacle = isClean ? null : bag.obstacle
          const expiresAt = at + hours * hour
          return { ...bag, id: `B${index}`, site, component, uom, amount, group, expiresAt, obstacle }
        },
      )
      const named = new Set<string>()
      return {
        at,
        sites: ids.map((id, index) => ({ id, boxes: boxes[index] ?? null })),
        minutesTo: new Map(ids.map((id, index) => [id, minutes[index] as (number | null)[]])),
        stock,
        levels: levels.flatMap(({ site, kind, group, levels: drawn, booked, perDay }): TransferLevel[] => {
          const { component, uom, amounts } = kindAt(kind)
          const key = [site, component, group.abo, group.rhd].join()
          if (named.has(key)) return []
          named.add(key)
          const [critical, minimum, target] = drawn.sort((a, b) => a - b).map((one) => one * amounts[0]) as [
            number,
            number,
            number,
          ]
          const promised = booked * amounts[0]
          return [{ site, component, ...group, uom, target, minimum, critical, booked: promised, perDay }]
        }),
        demands: drawnDemands.map(({ kind, bags, minutes, irradiated, ...drawn }, index): TransferDemand => {
          const { component, uom, amounts } = kindAt(kind)
          return {
            ...drawn,
            id: `D${index}`,
            request: `R${index}`,
            component,
            uom: uom as UnitOfMeasure,
            amount: bags * amounts[0],
            requires: irradiated ? ['irradiated'] : [],
            deadline: at + minutes * 60_000,
          }
        }),
        policy: { ...cnTransfer, boxes: { ...cnTransfer.boxes, cold: { bags: 2, validatedMinutes: 25 } } },
      }
    })
}
