import type { PrintedLabel } from '../../domain/bag-label.ts'
import { formatProductCode } from '../../domain/isbt128/product.ts'
import { labelWords as words } from '../../policies/labels.ts'
import type { labelBag } from '../../usecases/label-bag.ts'
import { code128, type Drawing, dataMatrix } from './barcode.ts'

/** A tenth of a millimetre is 1: a label is 100 mm by 100 mm, and the narrowest bar 0.25 mm wide. */
const side = 1_000
const narrow = 2.5
const cell = 5
const barHeight = 110
/** Nothing is printed so near to bars: ten of the narrowest. */
const quiet = 10 * narrow

type Word = { readonly zh: string; readonly en: string }

/**
 * The label of a bag as SVG, by the quadrants of ISBT 128: number and group above, product and expiry below, each as a
 * barcode and as people read it, in Chinese and English; all four as Data Matrix. RhD-negative is hollow, as it is usual.
 */
export function labelSvg({ label, component, facility }: Awaited<ReturnType<typeof labelBag>>): string {
  const { din, flag, check, group, product, barcodes, timeZone } = label
  const isNegative = group.rhd === 'negative'
  const number = `${din.slice(0, 5)} ${din.slice(5, 7)} ${din.slice(7)}`
  const [left, right] = [quiet, side / 2 + quiet]
  const ink = isNegative ? 'fill="#fff" stroke="#000" stroke-width="5"' : 'fill="#000"'
  const content = [
    barcode(code128(barcodes.din, narrow, barHeight), left, 25),
    text(left, 172, 34, number, 'font-family="monospace" font-weight="bold"'),
    text(left + 310, 172, 22, flag, 'font-family="monospace"'),
    `<rect x="${left + 352}" y="142" width="36" height="38" fill="none" stroke="#000" stroke-width="3"/>`,
    text(left + 360, 172, 34, check, 'font-family="monospace" font-weight="bold"'),
    ...bilingual(left, 215, 22, words.donation),
    ...bilingual(left, 290, 22, words.collectedBy),
    text(left, 350, 28, facility),

    barcode(code128(barcodes.group, narrow, barHeight), right, 25),
    text(right, 320, 180, words.abo[group.abo].en, `font-weight="bold" ${ink}`),
    text(right, 385, 44, words.rhd[group.rhd].zh, 'font-weight="bold"'),
    text(right, 440, 44, words.rhd[group.rhd].en, 'font-weight="bold"'),

    barcode(code128(barcodes.product, narrow, barHeight), left, 525),
    text(left, 665, 26, formatProductCode(product), 'font-family="monospace"'),
    ...bilingual(left, 730, 40, words.component[component]),

    barcode(code128(barcodes.expires, narrow, barHeight), right, 525),
    ...bilingual(right, 672, 24, words.expires),
    text(right, 740, 40, dateOf(label.expires), 'font-weight="bold"'),
    text(right, 770, 18, timeZone),
    barcode(dataMatrix(barcodes.all, cell), right, 810),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="100mm" height="100mm" viewBox="0 0 ${side} ${side}" font-family="sans-serif">`,
    `<title>${escaped(`${number} ${check} ${formatProductCode(product)}`)}</title>`,
    `<rect width="${side}" height="${side}" fill="#fff"/>`,
    `<path d="M${side / 2} 0V${side}M0 ${side / 2}H${side}" stroke="#999" stroke-width="1"/>`,
    ...content,
    '</svg>',
    '',
  ].join('\n')
}

function barcode({ path }: Drawing, x: number, y: number): string {
  return `<path transform="translate(${x} ${y})" d="${path}" shape-rendering="crispEdges"/>`
}

function text(x: number, y: number, size: number, said: string, how = ''): string {
  return `<text x="${x}" y="${y}" font-size="${size}"${how && ` ${how}`}>${escaped(said)}</text>`
}

/** One below the other. */
function bilingual(x: number, y: number, size: number, { zh, en }: Word): string[] {
  return [text(x, y, size, zh), text(x, y + size * 1.2, size, en)]
}

/** As it is written in both languages, and not to be mistaken in either: 2026-02-11 23:59. */
function dateOf({ year, dayOfYear, minute }: PrintedLabel['expires']): string {
  return new Date(Date.UTC(year, 0, dayOfYear, 0, minute ?? 1_439))
    .toISOString()
    .slice(0, 16)
    .replace('T', ' ')
}

function escaped(said: string): string {
  return said.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
