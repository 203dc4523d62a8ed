import fc from 'fast-check'
import type { TransferBag } from '../../api/domain/transfer/problem.ts'
import type { RotationLevel, RotationProblem } from '../../api/domain/transfer/rotation-problem.ts'
import { cnRotation } from '../../api/policies/rotation.ts'
import { cnTransfer } from '../../api/policies/transfer.ts'
import { at } from './transfers.ts'

const hour = 3_600_000
const kinds = [
  { component: 'red_cells', uom: 'U', amounts: [200, 100] },
  { component: 'platelets', uom: 'dose', amounts: [100, 100] },
] as const
const groups = [
  { abo: 'O', rhd: 'positive' },
  { abo: 'A', rhd: 'positive' },
] as const

/** Cities in which much is near its expiry, and little is used at most sites; the seldom is often there. */
export function rotations({ sites: most, bags }: { readonly sites: number; readonly bags: number }) {
  return fc
    .integer({ min: 2, max: most })
    .chain((count) => {
      const ids = Array.from({ length: count }, (_, index) => `S${index + 1}`)
      const minutes = fc.option(fc.integer({ min: 5, max: 120 }), { freq: 12, nil: null })
      const perSort = { minLength: count * 4, maxLength: count * 4 }
      return fc.record({
        ids: fc.constant(ids),
        boxes: fc.array(fc.option(fc.subarray(['cold', 'room'] as const), { freq: 1, nil: null }), {
          minLength: count,
          maxLength: count,
        }),
        ways: fc.array(fc.array(minutes, { minLength: count, maxLength: count }), {
          minLength: count,
          maxLength: count,
        }),
        drawnBags: fc.array(
          fc.record({
            site: fc.constantFrom(...ids),
            kind: fc.constantFrom(0, 0, 0, 1),
            size: fc.constantFrom(0, 0, 0, 1),
            group: fc.option(fc.constantFrom(0, 0, 1), { freq: 15, nil: null }),
            hours: fc.oneof(
              { weight: 1, arbitrary: fc.integer({ min: -1, max: 30 }) },
              { weight: 4, arbitrary: fc.integer({ min: 24, max: 168 }) },
              { weight: 1, arbitrary: fc.integer({ min: 168, max: 800 }) },
            ),
            obstacle: fc.constantFrom(
              ...[null, null, null, null, null, null, null, null, null],
              ...(['not_issuable', 'reserved', 'cold_chain'] as const),
            ),
          }),
          { minLength: Math.ceil(bags / 2), maxLength: bags },
        ),
        drawnLevels: fc.array(
          fc.record({
            minimum: fc.constantFrom(0, 0, 0, 1, 2),
            booked: fc.constantFrom(0, 0, 0, 1),
            usedPerDay: fc.option(fc.constantFrom(0, 1, 3, 10, 50, 150, 300), { freq: 12, nil: null }),
          }),
          perSort,
        ),
        refillHours: fc.constantFrom(0, 0, 4, 24),
        journey: fc.constantFrom(0.02, 0.1, cnRotation.journey, 0.6),
      })
    })
    .map(({ ids, boxes, ways, drawnBags, drawnLevels, refillHours, journey }): RotationProblem => {
      const stock = drawnBags.map(({ site, kind, size, group, hours, obstacle }, index): TransferBag => {
        const { component, uom, amounts } = kinds[kind] as (typeof kinds)[number]
        return {
          ...{ id: `B${String(index).padStart(2, '0')}`, site, component, uom, obstacle },
          group: group === null ? null : (groups[group] as (typeof groups)[number]),
          amount: amounts[size] as number,
          expiresAt: at + hours * hour,
          ...{ lowTitre: false, treated: [] },
        }
      })
      const sorts = ids.flatMap((site) =>
        kinds.flatMap((kind) => groups.map((group) => ({ site, group, kind }))),
      )
      const levels = sorts.map(({ site, group, kind: { component, uom, amounts } }, index): RotationLevel => {
        const drawn = drawnLevels[index] as (typeof drawnLevels)[number]
        const minimum = drawn.minimum * amounts[0]
        const usedPerDay = drawn.usedPerDay === null ? null : (drawn.usedPerDay * amounts[0]) / 100
        const figures = { target: 2 * minimum, minimum, critical: 0, booked: drawn.booked * amounts[0] }
        return { site, component, ...group, uom, ...figures, perDay: usedPerDay, usedPerDay }
      })
      return {
        at,
        sites: ids.map((id, index) => ({ id, boxes: boxes[index] ?? null })),
        minutesTo: new Map(ids.map((id, index) => [id, ways[index] ?? []])),
        stock,
        levels,
        policy: { ...cnTransfer, boxes: { ...cnTransfer.boxes, cold: { bags: 3, validatedMinutes: 160 } } },
        rotation: { ...cnRotation, journey },
        refill: { at: at + refillHours * hour, everyMs: 24 * hour },
      }
    })
}
