import type { Random } from '../random.ts'

/** A name as it is written and as it is said in English. All are invented. */
export type Named = { readonly zh: string; readonly en: string }

const places: readonly Named[] = [
  { zh: '青澜', en: 'Qinglan' },
  { zh: '云汀', en: 'Yunting' },
  { zh: '望潮', en: 'Wangchao' },
  { zh: '松屿', en: 'Songyu' },
  { zh: '临湾', en: 'Linwan' },
  { zh: '白鹭坡', en: 'Bailupo' },
  { zh: '石桥头', en: 'Shiqiaotou' },
  { zh: '银杏里', en: 'Yinxingli' },
  { zh: '东麓', en: 'Donglu' },
  { zh: '西沽', en: 'Xigu' },
  { zh: '南堤', en: 'Nandi' },
  { zh: '北崮', en: 'Beigu' },
  { zh: '长笛湾', en: 'Changdiwan' },
  { zh: '鹤栖', en: 'Heqi' },
  { zh: '明湖口', en: 'Minghukou' },
  { zh: '槐安', en: 'Huaian' },
  { zh: '丹枫', en: 'Danfeng' },
  { zh: '月牙洲', en: 'Yueyazhou' },
]

const kinds: readonly Named[] = [
  { zh: '人民医院', en: "People's Hospital" },
  { zh: '中心医院', en: 'Central Hospital' },
  { zh: '中医院', en: 'Hospital of Chinese Medicine' },
  { zh: '妇儿医院', en: "Women and Children's Hospital" },
  { zh: '第二医院', en: 'Second Hospital' },
  { zh: '心血管病医院', en: 'Heart Hospital' },
]

const families: readonly Named[] = [
  { zh: '陈', en: 'Chen' },
  { zh: '林', en: 'Lin' },
  { zh: '王', en: 'Wang' },
  { zh: '赵', en: 'Zhao' },
  { zh: '孙', en: 'Sun' },
  { zh: '周', en: 'Zhou' },
  { zh: '吴', en: 'Wu' },
  { zh: '郑', en: 'Zheng' },
  { zh: '韩', en: 'Han' },
  { zh: '宋', en: 'Song' },
]

const given: readonly Named[] = [
  { zh: '丽', en: 'Li' },
  { zh: '晓梅', en: 'Xiaomei' },
  { zh: '志远', en: 'Zhiyuan' },
  { zh: '雨桐', en: 'Yutong' },
  { zh: '建国', en: 'Jianguo' },
  { zh: '思源', en: 'Siyuan' },
  { zh: '海燕', en: 'Haiyan' },
  { zh: '文博', en: 'Wenbo' },
  { zh: '静', en: 'Jing' },
  { zh: '子涵', en: 'Zihan' },
]

/** So many hospitals, no two of one name while names last; then they are numbered. */
export function nameHospitals(random: Random, count: number): Named[] {
  const all = places.flatMap(({ zh, en }) =>
    kinds.map((kind) => ({ zh: `${zh}${kind.zh}`, en: `${en} ${kind.en}` })),
  )
  const drawn = shuffled(random, all)
  return Array.from({ length: count }, (_, index) => {
    const name = drawn[index % drawn.length] as Named
    const round = Math.floor(index / drawn.length)
    return round === 0 ? name : { zh: `${name.zh}${round + 1}院区`, en: `${name.en}, Site ${round + 1}` }
  })
}

export function namePerson(random: Random): Named {
  const family = families[random.whole(0, families.length - 1)] as Named
  const own = given[random.whole(0, given.length - 1)] as Named
  return { zh: `${family.zh}${own.zh}`, en: `${family.en} ${own.en}` }
}

export function inBoth({ zh, en }: Named): string {
  return `${zh} ${en}`
}

/** Fisher and Yates. */
export function shuffled<T>(random: Random, things: readonly T[]): T[] {
  const drawn = [...things]
  for (let last = drawn.length - 1; last > 0; last -= 1) {
    const other = random.whole(0, last)
    const kept = drawn[last] as T
    drawn[last] = drawn[other] as T
    drawn[other] = kept
  }
  return drawn
}
