import type { Jurisdiction, Process } from '../../schema/vocabulary.ts'
import type { Making, ProductContent, ShelfLife } from '../domain/product.ts'

const days = (count: number): ShelfLife => ({ count, unit: 'days' })
const hours = (count: number): ShelfLife => ({ count, unit: 'hours' })

/** By a process into another product, which keeps by an entry of its own. */
const into = (process: Process, code: string, more: Partial<Making> = {}): Making => ({
  process,
  code,
  shelfLife: null,
  within: null,
  resetsExposure: false,
  ...more,
})

type Told = Partial<ProductContent> &
  Pick<ProductContent, 'name' | 'component' | 'uom' | 'amount' | 'shelfLife' | 'source'>

type Entry = Omit<ProductContent, 'jurisdiction'>

function entry(code: string, told: Told): Entry {
  return {
    scheme: 'ISBT128',
    code,
    effectiveFrom: 0,
    countsFrom: 'collection',
    agitated: told.component === 'platelets',
    isCollected: false,
    treatments: [],
    makes: [],
    uncertain: [],
    ...told,
  }
}

/** A part is what the whole was. */
const split = (code: string) => into('split', code)

/** [MEM] 14 d after it, and only within 14 d of collection. */
const irradiatedCells = { within: days(14) }

const ws399 = 'WS 399-2012 (a summary), WS 399-2023'
/** Nobody was found to say it, or only from memory. */
const memory = 'from memory: no source was found'
const label = 'a label in a public repository'
const fhir = 'examples of HL7 FHIR R5'
const shipping = 'temperature classes in the tests of a US blood centre; what it is, from memory'

const red = { component: 'red_cells', uom: 'U', amount: 2 } satisfies Partial<Entry>
const frozen = { component: 'plasma', uom: 'mL', amount: 200 } satisfies Partial<Entry>
const thawed = {
  component: 'thawed_plasma',
  uom: 'mL',
  amount: 200,
  countsFrom: 'modification',
  treatments: ['thaw'],
} satisfies Partial<Entry>
const washed = {
  shelfLife: hours(24),
  countsFrom: 'modification',
  treatments: ['wash'],
} satisfies Partial<Entry>
const irradiated = {
  shelfLife: days(14),
  countsFrom: 'modification',
  treatments: ['irradiate'],
} satisfies Partial<Entry>

/**
 * National and local codes (ISBT 128 begins them with A to D) that the service brings for what it knows no public code of:
 * no station is known to use these, and one that does must say so by versions of its own.
 */
const local: readonly Entry[] = [
  entry('D9901', {
    ...{
      name: '全血 Whole blood, CPDA-1',
      component: 'whole_blood',
      uom: 'U',
      amount: 2,
      shelfLife: days(35),
    },
    ...{ isCollected: true, source: ws399, uncertain: ['code', 'amount'] },
    makes: ['D9902', 'D9905', 'D9906', 'D9908'].map((code) => into('separate', code)),
  }),
  entry('D9902', {
    ...{ ...red, name: '悬浮红细胞 Red cells in additive solution', shelfLife: days(35), source: ws399 },
    uncertain: ['code', 'amount', 'shelfLife'],
    makes: [split('D9902'), into('wash', 'D9903'), into('irradiate', 'D9904', irradiatedCells)],
  }),
  entry('D9903', {
    ...{
      ...red,
      ...washed,
      name: '洗涤红细胞 Washed red cells',
      source: ws399,
      uncertain: ['code', 'amount'],
    },
    makes: [split('D9903'), into('irradiate', 'D9917', irradiatedCells)],
  }),
  entry('D9904', {
    ...{ ...red, ...irradiated, name: '辐照红细胞 Irradiated red cells', source: memory },
    ...{ uncertain: ['code', 'amount', 'shelfLife', 'makes'] },
    makes: [split('D9904'), into('wash', 'D9917')],
  }),
  entry('D9905', {
    ...{ ...frozen, name: '新鲜冰冻血浆 Fresh frozen plasma', shelfLife: days(365), source: ws399 },
    uncertain: ['code', 'amount'],
    makes: [into('thaw', 'D9910'), into('separate', 'D9907'), into('separate', 'D9906')],
  }),
  entry('D9906', {
    ...{ ...frozen, name: '冰冻血浆 Frozen plasma', shelfLife: days(4 * 365), source: ws399 },
    ...{ uncertain: ['code', 'amount'], makes: [into('thaw', 'D9910')] },
  }),
  entry('D9907', {
    ...{
      name: '冷沉淀 Cryoprecipitate',
      component: 'cryoprecipitate',
      uom: 'U',
      amount: 1,
      shelfLife: days(365),
    },
    ...{ source: ws399, uncertain: ['code', 'amount'] },
    makes: [into('thaw', 'D9911'), into('pool', 'D9916')],
  }),
  entry('D9908', {
    ...{ name: '浓缩血小板 Platelets of whole blood', component: 'platelets', uom: 'U', amount: 1 },
    ...{ shelfLife: days(5), source: ws399, uncertain: ['code', 'amount'] },
    makes: [into('pool', 'D9915'), into('irradiate', 'D9918')],
  }),
  entry('D9909', {
    ...{ name: '单采血小板 Apheresis platelets', component: 'platelets', uom: 'dose', amount: 1 },
    ...{ shelfLife: days(5), isCollected: true, source: ws399, uncertain: ['code'] },
    makes: [split('D9909'), into('irradiate', 'D9919')],
  }),
  entry('D9910', {
    ...{ ...thawed, name: '融化血浆 Thawed plasma', shelfLife: hours(24), source: memory },
    ...{ uncertain: ['code', 'amount', 'shelfLife'], makes: [split('D9910')] },
  }),
  entry('D9911', {
    ...{
      name: '融化冷沉淀 Thawed cryoprecipitate',
      component: 'thawed_cryoprecipitate',
      uom: 'U',
      amount: 1,
    },
    ...{ shelfLife: hours(4), countsFrom: 'modification', treatments: ['thaw'], source: memory },
    uncertain: ['code', 'amount', 'shelfLife'],
  }),
  entry('D9912', {
    ...{ name: '冰冻红细胞 Frozen red cells', component: 'frozen_red_cells', uom: 'U', amount: 2 },
    ...{ shelfLife: days(3_652), source: memory, uncertain: ['code', 'amount', 'shelfLife'] },
    makes: [into('thaw', 'D9913')],
  }),
  entry('D9913', {
    ...{ ...red, name: '冰冻解冻去甘油红细胞 Deglycerolised red cells', shelfLife: hours(24), source: ws399 },
    ...{ countsFrom: 'modification', treatments: ['thaw'], uncertain: ['code', 'amount'] },
  }),
  entry('D9914', {
    ...{
      name: '单采粒细胞 Granulocytes',
      component: 'granulocytes',
      uom: 'dose',
      amount: 1,
      shelfLife: hours(24),
    },
    ...{ isCollected: true, source: memory, uncertain: ['code', 'shelfLife'] },
    makes: [into('irradiate', 'D9920')],
  }),
  entry('D9915', {
    ...{ name: '汇集血小板 Pooled platelets', component: 'platelets', uom: 'U', amount: null },
    ...{ shelfLife: hours(4), countsFrom: 'modification', treatments: ['pool'], source: memory },
    uncertain: ['code', 'shelfLife'],
  }),
  entry('D9916', {
    ...{ name: '汇集冷沉淀 Pooled cryoprecipitate', component: 'cryoprecipitate', uom: 'U', amount: null },
    ...{ shelfLife: days(365), treatments: ['pool'], source: memory, uncertain: ['code', 'shelfLife'] },
    makes: [into('thaw', 'D9921')],
  }),
  entry('D9917', {
    ...{ ...red, ...washed, treatments: ['irradiate', 'wash'], source: memory },
    ...{ name: '辐照洗涤红细胞 Irradiated washed red cells', uncertain: ['code', 'amount'] },
  }),
  entry('D9918', {
    ...{ name: '辐照浓缩血小板 Irradiated platelets', component: 'platelets', uom: 'U', amount: 1 },
    ...{ shelfLife: days(5), treatments: ['irradiate'], source: memory, uncertain: ['code', 'shelfLife'] },
  }),
  entry('D9919', {
    ...{
      name: '辐照单采血小板 Irradiated apheresis platelets',
      component: 'platelets',
      uom: 'dose',
      amount: 1,
    },
    ...{ shelfLife: days(5), treatments: ['irradiate'], source: memory, uncertain: ['code', 'shelfLife'] },
    makes: [split('D9919')],
  }),
  entry('D9920', {
    ...{ name: '辐照粒细胞 Irradiated granulocytes', component: 'granulocytes', uom: 'dose', amount: 1 },
    ...{ shelfLife: hours(24), treatments: ['irradiate'], source: memory, uncertain: ['code', 'shelfLife'] },
  }),
  entry('D9921', {
    ...{
      name: '融化汇集冷沉淀 Thawed pooled cryoprecipitate',
      component: 'thawed_cryoprecipitate',
      uom: 'U',
    },
    ...{ amount: null, shelfLife: hours(4), countsFrom: 'modification', treatments: ['pool', 'thaw'] },
    ...{ source: memory, uncertain: ['code', 'shelfLife'] },
  }),
]

/** The codes of ISBT 128 that a public source names; its own table is licensed and was not seen. */
const international: readonly Entry[] = [
  entry('E0001', {
    ...{ name: 'Whole blood', component: 'whole_blood', uom: 'U', amount: 2, shelfLife: days(35) },
    ...{ isCollected: true, source: `${memory}; the simulated city’s`, uncertain: ['component', 'amount'] },
    makes: ['E0336', 'E0382', 'D9905', 'D9906', 'D9908'].map((code) => into('separate', code)),
  }),
  entry('E0336', {
    ...{ ...red, name: 'Red cells, AS-3, leucoreduced', shelfLife: days(42), source: label },
    uncertain: ['amount', 'shelfLife', 'makes'],
    makes: [split('E0336'), into('irradiate', 'E0337', irradiatedCells), into('wash', 'E0338')],
  }),
  entry('E0337', {
    ...{ ...red, ...irradiated, name: 'Red cells, AS-3, leucoreduced, irradiated', source: memory },
    ...{ uncertain: ['component', 'amount', 'shelfLife', 'treatments'], makes: [split('E0337')] },
  }),
  entry('E0338', {
    ...{ ...red, ...washed, name: 'Red cells, AS-3, leucoreduced, washed', source: memory },
    ...{ uncertain: ['component', 'amount', 'treatments'], makes: [split('E0338')] },
  }),
  entry('E0382', {
    ...{ ...red, name: 'Red cells, AS-1, leucoreduced', shelfLife: days(42), source: memory },
    uncertain: ['component', 'amount', 'shelfLife', 'makes'],
    makes: [split('E0382'), into('irradiate', 'D9904', irradiatedCells), into('wash', 'D9903')],
  }),
  entry('E0398', {
    ...{ ...red, ...irradiated, name: 'Red cells, CPD>AS-5, irradiated, leucoreduced', source: fhir },
    ...{ uncertain: ['amount', 'shelfLife'], makes: [split('E0398')] },
  }),
  entry('E4377', {
    ...{ ...red, ...irradiated, name: 'Apheresis red cells, ACD-A, irradiated, 1st container', source: fhir },
    ...{ uncertain: ['amount', 'shelfLife'], makes: [split('E4377')] },
  }),
  entry('E3087', {
    ...{ name: 'Apheresis platelets, leucoreduced', component: 'platelets', uom: 'dose', amount: 1 },
    ...{ shelfLife: days(5), isCollected: true, source: memory, uncertain: ['component', 'amount'] },
    makes: [split('E3087'), into('irradiate', 'E3046')],
  }),
  entry('E3046', {
    ...{
      name: 'Apheresis platelets, irradiated, leucoreduced',
      component: 'platelets',
      uom: 'dose',
      amount: 1,
    },
    ...{ shelfLife: days(5), treatments: ['irradiate'], source: fhir, uncertain: ['amount', 'shelfLife'] },
    makes: [split('E3046')],
  }),
  ...['E0701', 'E0713', 'E0869', 'E1624', 'E2555', 'E2603'].map((code) =>
    entry(code, {
      ...{ ...frozen, name: 'Frozen plasma', shelfLife: days(365), source: shipping },
      ...{ uncertain: ['component', 'amount', 'shelfLife'], makes: [into('thaw', 'D9910')] },
    }),
  ),
  entry('E5165', {
    ...{
      name: 'Cryoprecipitate',
      component: 'cryoprecipitate',
      uom: 'U',
      amount: null,
      shelfLife: days(365),
    },
    ...{ source: shipping, uncertain: ['amount', 'shelfLife'], makes: [into('thaw', 'D9911')] },
  }),
]

const usual: readonly Entry[] = [...local, ...international]

type Difference = Partial<Pick<Entry, 'shelfLife' | 'uom' | 'amount' | 'makes' | 'source' | 'uncertain'>>

/** Irradiated red cells in the US: 28 d, or to the end of what they were made of, and made at any age. */
const anyAge = ({ makes }: Entry) => makes.map((making) => ({ ...making, within: null }))

/** Where another jurisdiction says otherwise than China; what it says nothing of goes by China's. */
const differences: Readonly<Record<Exclude<Jurisdiction, 'CN'>, (entry: Entry) => Difference | null>> = {
  US(entry) {
    const source = '21 CFR 610.53'
    if (entry.code === 'D9902')
      return { shelfLife: days(42), makes: anyAge(entry), source, uncertain: ['code'] }
    if (entry.code === 'D9906') return { shelfLife: days(5 * 365), source, uncertain: ['code', 'amount'] }
    if (entry.component !== 'red_cells') return null
    const is = (process: Process) => entry.treatments.includes(process)
    if (is('irradiate') && !is('wash')) return { shelfLife: days(28), makes: anyAge(entry), source }
    return entry.makes.some(({ within }) => within !== null) ? { makes: anyAge(entry), source } : null
  },
  EU: (entry) => annexIv(entry, '2004/33/EC Annex IV'),
  UK: (entry) => annexIv(entry, '2004/33/EC Annex IV as retained'),
}

/** Frozen plasma for 36 months at most, by its temperature. */
function annexIv({ component, uncertain }: Entry, source: string): Difference | null {
  const isFrozen = component === 'plasma' || component === 'cryoprecipitate'
  return isFrozen ? { shelfLife: days(3 * 365), source, uncertain: [...uncertain, 'shelfLife'] } : null
}

/**
 * The catalogue the service starts with. Data: a version that stands in the database is never changed by an upgrade, and
 * what replaces it is another version. In force since before any record.
 */
export const seededProducts: readonly (ProductContent & { readonly version: 1 })[] = [
  ...usual.map((one) => ({ ...one, jurisdiction: 'CN' as const, version: 1 as const })),
  ...(['UK', 'EU', 'US'] as const).flatMap((jurisdiction) =>
    usual.flatMap((one) => {
      const other = differences[jurisdiction](one)
      return other ? [{ ...one, ...other, jurisdiction, version: 1 as const }] : []
    }),
  ),
]
