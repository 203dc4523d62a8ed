import type { z } from 'zod'
import type { PolicyInput, PolicyProposal } from '../../../schema/http/policies.ts'
import { type PolicyContent, stateOfProposal } from '../../domain/policy.ts'
import { toCenti } from '../../domain/temperature.ts'
import type { Policy, Proposal } from '../../stores/policies.ts'
import { celsius, iso } from '../units.ts'

/** What a request says of a policy, in the units it is kept in. */
export function contentOf(input: Omit<z.output<typeof PolicyInput>, 'reason'>): PolicyContent {
  const { low, high, maxSilenceSeconds, longestSeconds, gapGraceSeconds, allowances, alarm, ...rest } = input
  const limits = (range: { low: number; high: number }) => ({
    low: toCenti(range.low),
    high: toCenti(range.high),
  })
  return {
    ...rest,
    ...limits({ low, high }),
    occasions: rest.occasions ?? null,
    maxSilenceMs: maxSilenceSeconds * 1_000,
    longestMs: longestSeconds ? longestSeconds * 1_000 : null,
    gapGraceMs: gapGraceSeconds * 1_000,
    allowances: allowances.map(({ longestSeconds, occasions, ...range }) => ({
      ...limits(range),
      longestMs: longestSeconds * 1_000,
      occasions,
    })),
    alarm: alarm
      ? {
          loadMs: alarm.loadSeconds * 1_000,
          airLow: toCenti(alarm.airLow),
          airHigh: toCenti(alarm.airHigh),
          airMs: alarm.airSeconds * 1_000,
          airActionMs: alarm.airActionSeconds * 1_000,
        }
      : null,
  }
}

export function policyView({ from, proposalId, version, ...content }: Policy) {
  return { ...contentView({ ...content, effectiveFrom: from }), version, proposal: proposalId }
}

function contentView(content: PolicyContent) {
  const {
    effectiveFrom,
    low,
    high,
    maxSilenceMs,
    longestMs,
    gapGraceMs,
    allowances,
    alarm,
    uncertain,
    ...rest
  } = content
  return {
    ...rest,
    effectiveFrom: iso(effectiveFrom),
    low: celsius(low),
    high: celsius(high),
    maxSilenceSeconds: maxSilenceMs / 1_000,
    longestSeconds: longestMs === null ? null : longestMs / 1_000,
    gapGraceSeconds: gapGraceMs / 1_000,
    allowances: allowances.map(({ low, high, longestMs, occasions }) => ({
      low: celsius(low),
      high: celsius(high),
      longestSeconds: longestMs / 1_000,
      occasions,
    })),
    alarm: alarm && {
      loadSeconds: alarm.loadMs / 1_000,
      airLow: celsius(alarm.airLow),
      airHigh: celsius(alarm.airHigh),
      airSeconds: alarm.airMs / 1_000,
      airActionSeconds: alarm.airActionMs / 1_000,
    },
    uncertain: [...uncertain],
  }
}

export function proposalView({
  id,
  content,
  reason,
  by,
  at,
  opinions,
}: Proposal): z.output<typeof PolicyProposal> {
  return {
    id,
    state: stateOfProposal(opinions),
    policy: contentView(content),
    reason,
    by,
    at: iso(at),
    opinions: opinions.map((opinion) => ({ ...opinion, at: iso(opinion.at) })),
  }
}
