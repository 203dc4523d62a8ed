import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { decideOffline, type OfflineFacts } from '../../api/domain/offline.ts'
import { donationOf, type ReadUnit, unitOf } from '../../api/domain/read-unit.ts'
import { Refusal } from '../../api/domain/refusal.ts'
import type { AnswerRule } from '../../api/domain/take-out.ts'
import type { OfflineDecisionInput } from '../../schema/http/offline.ts'
import {
  hashOfDocument,
  ListKey,
  OfflineList,
  OfflinePatients,
  openSigned,
  SignedDocument,
  whoIs,
} from '../../schema/offline-list.ts'
import type { Finding, Sex } from '../../schema/vocabulary.ts'
import { openDecisionBook, type Settled } from './decisions.ts'
import { readIfThere, replaceFile } from './keep.ts'

/** What time a terminal believes it is, ms UTC, and by how much that may be wrong at most. */
export type OwnClock = () => { readonly at: number; readonly uncertaintyMs: number }

export type ScanAtTerminal = {
  readonly din: string
  readonly productCode?: string
  readonly badge?: string
  readonly checker?: string
  readonly patient?: string
  readonly emergency?: boolean
  readonly sex?: Sex
  readonly ageYears?: number
  readonly reason?: string
  readonly override?: string
  readonly breakGlass?: string
}

/** What its screen shows. */
export type Shown = {
  readonly decisionId: string
  readonly answer: 'GO' | 'STOP' | 'CALL'
  readonly rule: Pick<AnswerRule, 'code' | 'zh' | 'en'> | null
  readonly findings: readonly Finding[]
  readonly bagId: string | null
  readonly telephone: string | null
}

/** Where nobody has told it any words of its own. */
const bareRules: readonly AnswerRule[] = [
  {
    code: 'list_unusable',
    answer: 'STOP',
    rank: 5,
    zh: '脱机名单缺失或过旧，无法判断，请放回并致电输血科',
    en: 'Offline, and no list that may still be used: put it back, call the transfusion lab',
  },
]

/** All it keeps besides its decisions. The newest number outlives even the list: what is older is never believed again. */
const Kept = z.object({
  keys: z.array(ListKey),
  newestSeq: z.int(),
  list: SignedDocument.nullable(),
  patients: SignedDocument.nullable(),
})
type Kept = z.infer<typeof Kept>

/** A terminal at a fridge that decides by itself while it is cut off, and forgets nothing of it. */
export type Terminal = {
  readonly device: string
  /** The keys it believes from now on: by `configure`, or over HTTPS. */
  trust(keys: readonly ListKey[]): void
  /** Keep a signed list. @returns why it is not believed; null where it is */
  takeList(signed: unknown): string | null
  takePatients(signed: unknown): string | null
  list(): OfflineList | null
  /** What it decides by now: the same facts for whoever wants to check it. */
  facts(): OfflineFacts
  /** Decide. The decision is on disk before this returns, and so before anything is shown. */
  scan(scan: ScanAtTerminal): Shown
  outstanding(): readonly OfflineDecisionInput[]
  settled(outcome: Settled): void
  refused(): readonly Settled[]
}

export function openTerminal({
  directory,
  device,
  clock,
}: {
  readonly directory: string
  readonly device: string
  readonly clock: OwnClock
}): Terminal {
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'kept.json')
  const book = openDecisionBook(join(directory, 'decisions.jsonl'))
  const text = readIfThere(file)
  let kept: Kept = text
    ? Kept.parse(JSON.parse(text))
    : { keys: [], newestSeq: 0, list: null, patients: null }
  // What is on disk is believed no more than what comes by wire: somebody may have had a hand in it.
  let list = kept.list && read(kept.list, OfflineList)
  if (list && list.seq < kept.newestSeq) list = null
  let patients = kept.patients && read(kept.patients, OfflinePatients)

  function read<T extends { readonly device: string }>(signed: unknown, schema: z.ZodType<T>): T | null {
    const opened = openSigned(signed, kept.keys, schema)
    return opened.refused === null && opened.content.device === device ? opened.content : null
  }
  function keep(changes: Partial<Kept>): void {
    const next = { ...kept, ...changes }
    replaceFile(file, JSON.stringify(next))
    kept = next
  }

  function facts(): OfflineFacts {
    const own = (asOf = 0) =>
      book.handedOut().filter(({ receivedAt }) => receivedAt === null || receivedAt >= asOf)
    const exposed = new Map<string, number>()
    for (const { patient, at } of own(patients?.asOf)) {
      const who = patient === null || !patients ? null : whoIs(patient, patients.salt)
      if (who !== null) exposed.set(who, Math.max(at, exposed.get(who) ?? 0))
    }
    return {
      list,
      patients,
      handedOut: new Set(own(list?.asOf).map(({ bagId }) => bagId)),
      exposed,
      fallback: bareRules,
    }
  }

  function decide(scan: ScanAtTerminal, { at, uncertaintyMs }: ReturnType<OwnClock>) {
    const unit = unitRead(scan, list)
    // What cannot be read is no bag anybody knows.
    if (!unit) return unreadable(list)
    const { patient, badge, checker } = scan
    return decideOffline(facts(), {
      ...{ unit, at, uncertaintyMs, emergency: scan.emergency ?? false },
      patient: patient === undefined ? null : patients ? whoIs(patient, patients.salt) : patient,
      seen: { sex: scan.sex ?? null, ageYears: scan.ageYears ?? null },
      override: scan.override !== undefined,
      isGlassBroken: scan.breakGlass !== undefined,
      isChecked: checker !== undefined && checker !== badge,
    })
  }

  return {
    device,
    trust(keys) {
      keep({ keys: [...keys] })
      // What was signed by a key that is believed no more is not either.
      if (list && !read(kept.list, OfflineList)) list = null
      if (patients && !read(kept.patients, OfflinePatients)) patients = null
    },
    takeList(signed) {
      const opened = openSigned(signed, kept.keys, OfflineList)
      if (opened.refused !== null) return opened.refused
      const { content } = opened
      if (content.device !== device) return 'other_device'
      // The same one again is as good as kept.
      if (content.seq < kept.newestSeq) return 'older'
      const document = SignedDocument.parse(signed)
      if (
        content.seq === kept.newestSeq &&
        kept.list &&
        hashOfDocument(kept.list) !== hashOfDocument(document)
      )
        return 'another_of_its_number'
      keep({ list: document, newestSeq: content.seq })
      list = content
      return null
    },
    takePatients(signed) {
      const opened = openSigned(signed, kept.keys, OfflinePatients)
      if (opened.refused !== null) return opened.refused
      const { content } = opened
      if (content.device !== device) return 'other_device'
      if (patients && content.asOf < patients.asOf) return 'older'
      keep({ patients: SignedDocument.parse(signed) })
      patients = content
      return null
    },
    list: () => list,
    facts,
    scan(scan) {
      const time = clock()
      const verdict = decide(scan, time)
      const { answer, rule, findings, bagId } = verdict
      const decisionId = randomUUID()
      const { din, productCode, emergency = false, ...said } = scan
      book.decided({
        ...{ decisionId, occurredAt: new Date(time.at).toISOString(), uncertaintyMs: time.uncertaintyMs },
        list: list && kept.list && { seq: list.seq, sha256: hashOfDocument(kept.list) },
        patientsAsOf: patients && new Date(patients.asOf).toISOString(),
        ...{ ...said, emergency, bagId, answer, findings: [...findings] },
        scanned: { din, ...(productCode === undefined ? {} : { productCode }) },
      })
      return { decisionId, answer, rule, findings, bagId, telephone: list?.telephone ?? null }
    },
    outstanding: book.outstanding,
    settled: book.settled,
    refused: book.refused,
  }
}

function unitRead({ din, productCode }: ScanAtTerminal, list: OfflineList | null): ReadUnit | null {
  try {
    return unitOf(donationOf({ din, productCode }, list?.stations ?? []))
  } catch (error) {
    if (error instanceof Refusal) return null
    throw error
  }
}

function unreadable(list: OfflineList | null) {
  const findings: Finding[] = [list ? 'unknown_bag' : 'list_unusable']
  const rules = list?.rules ?? bareRules
  const rule = rules.find(({ code }) => code === findings[0]) ?? null
  return { answer: 'STOP' as const, rule, findings, bagId: null }
}
