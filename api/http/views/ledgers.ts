import type { z } from 'zod'
import type { LedgerEntry } from '../../../schema/http/ledgers.ts'
import type { KeptEntry, Ledger } from '../../stores/ledgers.ts'
import type { Policy } from '../../stores/policies.ts'
import type { Rejudged } from '../../stores/rejudged.ts'
import { celsiusOrNull, iso, isoOrNull } from '../units.ts'

export function entryView({ from, to, coldest, warmest, ...rest }: KeptEntry): z.infer<typeof LedgerEntry> {
  return {
    ...rest,
    from: iso(from),
    to: isoOrNull(to),
    coldest: celsiusOrNull(coldest),
    warmest: celsiusOrNull(warmest),
  }
}

export function ledgerView(ledger: Ledger) {
  const { revision, jurisdiction, verdict, entries, policies, knownFrom, knownTo } = ledger
  return {
    ...{ revision, jurisdiction, verdict },
    entries: entries.map(entryView),
    policies: versionsView(policies),
    knownFrom: iso(knownFrom),
    knownTo: isoOrNull(knownTo),
  }
}

/** What is told beside a ledger, and of which revision. */
export function rejudgedView({ revision, verdict, entries, policies, knownAt, ledger }: Rejudged) {
  return {
    ...{ revision, verdict },
    entries: entries.map(entryView),
    policies: versionsView(policies),
    knownAt: iso(knownAt),
    ledger: { revision: ledger.revision, verdict: ledger.verdict },
  }
}

export function nameOfVersion({ jurisdiction, component, phase, version }: Policy) {
  return { jurisdiction, component, phase, version }
}

function versionsView({ storage, transport, in_hand }: Ledger['policies']) {
  return { storage: [...storage], transport: [...transport], in_hand: [...in_hand] }
}
