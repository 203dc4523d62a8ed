import fc from 'fast-check'
import { expect, test } from 'vitest'
import { offerOf } from '../../../../api/domain/transfer/filters.ts'
import { sourcesFor } from '../../../../api/domain/transfer/nearest.ts'
import type { TransferDemand } from '../../../../api/domain/transfer/problem.ts'
import { scoreOf } from '../../../../api/domain/transfer/score.ts'
import { problems } from '../../../support/transfers.ts'

test('a site offers nothing a filter refuses or its levels keep, and all it may of what is asked', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(problems({ sites: 5, bags: 30, demands: 1 }), (problem) => {
      const [demand] = problem.demands as [TransferDemand]
      for (const source of sourcesFor(problem, demand)) {
        const { site, bags, serves, amount, needsApproval } = source
        seen.add(serves)
        if (needsApproval) seen.add('needsApproval')
        const moves = bags.map((bag) => ({ bag, demand }))
        expect(bags.every((bag) => bag.site === site)).toBe(true)
        expect(scoreOf(problem, moves).violations).toEqual([])
        expect(amount).toBe(bags.reduce((sum, bag) => sum + (bag.amount ?? 0), 0))
        expect(serves === 'all').toBe(amount >= demand.amount)
        expect(needsApproval).toBe(
          scoreOf(problem, moves).tiers.some(({ tier, value }) => tier === 'reserve' && value > 0),
        )
        // Without the last of them it is not enough: nobody gives more than is asked for.
        expect(amount - (bags.at(-1)?.amount ?? 0)).toBeLessThan(demand.amount)
        if (serves === 'all') continue
        const others = problem.stock.filter((bag) => bag.site === site && !bags.includes(bag))
        for (const bag of others) {
          const more = scoreOf(problem, [...moves, { bag, demand }]).violations
          expect(more, `${bag.id} might go as well`).not.toEqual([])
        }
        const way =
          problem.minutesTo.get(demand.site)?.[problem.sites.findIndex(({ id }) => id === site)] ?? null
        const boxes = problem.sites.find(({ id }) => id === site)?.boxes ?? null
        const offered = others.map((bag) =>
          offerOf(bag, demand, { minutes: way, boxes }, problem.at, problem.policy),
        )
        for (const { reason, bags: count } of source.rejected) {
          seen.add(reason)
          const same = offered.filter((offer) =>
            reason === 'protected' ? typeof offer !== 'string' : offer === reason,
          )
          expect(count).toBe(same.length)
        }
      }
    }),
    { numRuns: 1_000 },
  )
  for (const met of [
    'all',
    'part',
    'none',
    'needsApproval',
    'protected',
    'incompatible',
    'no_way',
    'too_short_lived',
  ])
    expect(seen).toContain(met)
})
