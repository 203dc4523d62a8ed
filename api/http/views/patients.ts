import type { z } from 'zod'
import type { Crossmatch } from '../../../schema/http/crossmatches.ts'
import type { TransfusionRecord } from '../../../schema/http/patients.ts'
import type { Actor } from '../../domain/actor.ts'
import type { Patient } from '../../domain/bag.ts'
import { isValidSample, untilOf } from '../../domain/sample.ts'
import { labelOf } from '../../stores/bags.ts'
import type { historyOf } from '../../stores/patient-records.ts'
import { iso, isoOrNull } from '../units.ts'

type History = Awaited<ReturnType<typeof historyOf>>

export function patientView({ pseudonym, group, antiD, sampleUntil }: Patient) {
  return { pseudonym, ...group, antiD, sampleUntil: isoOrNull(sampleUntil) }
}

const told = ({ at, actor }: { readonly at: number; readonly actor: unknown }) => ({
  at: iso(at),
  by: (actor as Actor).id,
})

export function crossmatchView({
  bagId,
  sampleId,
  method,
  result,
  until,
  ...by
}: History['crossmatches'][number]): z.output<typeof Crossmatch> {
  return { bagId, sampleId, method, result, until: iso(until), ...told(by) }
}

export function recordView(
  patient: Patient,
  { samples, groupings, screens, antibodies, crossmatches, bags }: History,
  now: number,
): z.output<typeof TransfusionRecord> {
  const exposedAt = patient.record?.exposedAt ?? null
  return {
    ...patientView(patient),
    doubt: patient.doubt ?? null,
    samples: samples.map(({ sample, rejection }) => {
      const { id, label, collectedAt, collector, exposed } = sample
      const known = { ...sample, isRejected: rejection !== null }
      return {
        sampleId: id,
        ...{ label, collectedAt: iso(collectedAt), collector, exposed },
        until: iso(untilOf(known, exposedAt)),
        valid: isValidSample(known, exposedAt, now),
        rejected: rejection && { reason: rejection.reason, remark: rejection.remark, ...told(rejection) },
        groupings: groupings
          .filter(({ sampleId }) => sampleId === id)
          .map(({ abo, rhd, method, ...by }) => ({ abo, rhd, method, ...told(by) })),
        screens: screens
          .filter(({ sampleId }) => sampleId === id)
          .map(({ positive, ...by }) => ({ positive, ...told(by) })),
        ...told(sample),
      }
    }),
    antibodies: antibodies.map(({ specificity, significant, sampleId, remark, ...by }) => ({
      ...{ specificity, significant, sampleId, remark },
      ...told(by),
    })),
    requirements: [...(patient.record?.requirements ?? [])],
    crossmatches: crossmatches.map(crossmatchView),
    bags: bags.map((bag) => ({
      ...{ bagId: bag.id, label: labelOf(bag), component: bag.component, state: bag.state },
    })),
  }
}
