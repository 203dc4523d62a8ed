import type { Abo, Component, Rhd } from '../../schema/vocabulary.ts'

type Words = { readonly zh: string; readonly en: string }

/** What stands on a bag's label in words, in both languages. Whoever prints labels confirms them before use. */
export const labelWords = {
  collectedBy: { zh: '血站', en: 'Collected by' },
  expires: { zh: '失效日期', en: 'Expires' },
  donation: { zh: '献血码', en: 'Donation number' },
  product: { zh: '产品码', en: 'Product' },
  component: {
    red_cells: { zh: '红细胞', en: 'RED BLOOD CELLS' },
    plasma: { zh: '血浆', en: 'PLASMA' },
    platelets: { zh: '血小板', en: 'PLATELETS' },
    cryoprecipitate: { zh: '冷沉淀', en: 'CRYOPRECIPITATE' },
    whole_blood: { zh: '全血', en: 'WHOLE BLOOD' },
    frozen_red_cells: { zh: '冰冻红细胞', en: 'FROZEN RED BLOOD CELLS' },
    thawed_plasma: { zh: '融化血浆', en: 'THAWED PLASMA' },
    thawed_cryoprecipitate: { zh: '融化冷沉淀', en: 'THAWED CRYOPRECIPITATE' },
    granulocytes: { zh: '粒细胞', en: 'GRANULOCYTES' },
  },
  abo: {
    O: { zh: 'O 型', en: 'O' },
    A: { zh: 'A 型', en: 'A' },
    B: { zh: 'B 型', en: 'B' },
    AB: { zh: 'AB 型', en: 'AB' },
  },
  rhd: {
    positive: { zh: 'RhD 阳性', en: 'RhD POSITIVE' },
    negative: { zh: 'RhD 阴性', en: 'RhD NEGATIVE' },
  },
} as const satisfies {
  readonly collectedBy: Words
  readonly expires: Words
  readonly donation: Words
  readonly product: Words
  readonly component: Readonly<Record<Component, Words>>
  readonly abo: Readonly<Record<Abo, Words>>
  readonly rhd: Readonly<Record<Rhd, Words>>
}
