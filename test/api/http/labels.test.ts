import { describe, expect } from 'vitest'
import { readBagLabel } from '../../../api/domain/isbt128/label.ts'
import { parseScan } from '../../../api/domain/isbt128/parse.ts'
import { code128, dataMatrix } from '../../../api/http/views/barcode.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { readCode128 } from '../../support/code128.ts'
import { aBagInStock, aCity, aMadeBag, aWorker, refusal, step } from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { adminKey, type Door, iso, test } from './door.ts'

const day = 86_400_000

const aBag = (door: Door, changes: object = {}) =>
  door.ask(BagDetail, 'POST', '/bags', {
    din: '=A99992600012300',
    productCode: 'E0336V00',
    component: 'red_cells',
    expiresAt: iso(noon + 30 * day),
    group: { abo: 'O', rhd: 'negative' },
    facility: 'H1',
    ...changes,
  })

const labelOf = async (door: Door, bagId: string) => {
  const response = await door.raw(`/bags/${bagId}/label`, {
    headers: { authorization: `Bearer ${adminKey}` },
  })
  expect(response.headers.get('content-type')).toBe('image/svg+xml; charset=utf-8')
  const svg = await response.text()
  const paths = [...svg.matchAll(/ d="([^"]+)" shape-rendering/g)].map(([, path = '']) => path)
  return { svg, scans: paths.slice(0, 4).map(readCode128), matrix: paths[4] ?? '' }
}

describe('the label of a bag', () => {
  test('is read by a scanner as the bag it is on', async ({ door }) => {
    const { bagId } = await aBag(door, { group: { abo: 'AB', rhd: 'negative' } })
    const { svg, scans } = await labelOf(door, bagId)
    expect(scans).toEqual(['=A99992600012385', '=%2800', '=<E0336V00', expect.stringMatching(/^&>020\d{7}$/)])
    expect(readBagLabel({ din: scans.join('') })).toMatchObject({
      din: 'A999926000123',
      product: { productCode: 'E0336', collectionType: 'V', division: '00' },
      group: '28',
    })
    for (const words of ['A9999 26 000123', '>P<', 'E0336V00', '红细胞', 'RED BLOOD CELLS', 'RhD 阴性'])
      expect(svg).toContain(words)
  })

  test('says when it expires by the clock of who labels, and never later than it does', async ({ door }) => {
    const expiresAt = '2020-06-11T16:00:00Z'
    const whole = await aBag(door, { expiresAt })
    const { svg, scans } = await labelOf(door, whole.bagId)
    expect(scans[3]).toBe('&>0201632359')
    expect(svg).toContain('2020-06-11 23:59')
    const odd = await aBag(door, { din: '=A99992600012400', expiresAt: '2020-06-11T16:00:59.999Z' })
    expect((await labelOf(door, odd.bagId)).scans[3]).toBe('&>0201632359')
  })

  test('is refused of what is not to be handed out', async ({ door }) => {
    const city = await aCity(door)
    const made = await aMadeBag(city, 1)
    const centre = await aWorker(door, 'printer', 'centre', 'C1')
    const code = async (bagId: string) => (await refusal(centre.get(`/bags/${bagId}/label`))).code
    expect(await code(made.bagId)).toBe('not_tested')
    const released = await aBagInStock(city, 2)
    const lab = await aWorker(door, 'labeller', 'transfusion_lab', 'H1')
    const ask = async () => (await lab.get(`/bags/${released.bagId}/label`)).status
    expect(await ask()).toBe(200)
    await step(city.lab, released.bagId, 'holds', { kind: 'visual', reason: 'clots' })
    expect((await refusal(lab.get(`/bags/${released.bagId}/label`))).code).toBe('held')
    await step(city.lab, released.bagId, 'discard', { reason: 'clots', witness: 'nurse' })
    expect((await refusal(lab.get(`/bags/${released.bagId}/label`))).code).toBe('illegal_move')

    const ofMine = async (din: string, changes: object) => {
      const { bagId } = await aBag(door, { din, ...changes })
      return async () => (await refusal(lab.get(`/bags/${bagId}/label`))).code
    }
    expect(await (await ofMine('=A99992600020100', { productCode: 'E0336100' }))()).toBe('special_label')
    expect(await (await ofMine('=A99992600020200', { group: undefined }))()).toBe('not_tested')
    const expiring = await ofMine('=A99992600020300', { expiresAt: iso(noon + day) })
    door.world.clock.now = noon + day
    expect(await expiring()).toBe('expired')
  })

  test('is printed by who labels bags, and nobody else', async ({ door }) => {
    const { bagId } = await aBag(door)
    const nurse = await aWorker(door, 'nurse', 'nurse', 'H1')
    expect((await nurse.get(`/bags/${bagId}/label`)).status).toBe(403)
  })
})

describe('barcodes', () => {
  test.each(['=A99992600012385', '=%9500', '=<E0336rAa', '&>0260422359', '=\\620000000000000000'])(
    '%s is drawn so that it is read as that',
    (text) => {
      const { path, width } = code128(text, 2.5, 100)
      expect(readCode128(path)).toBe(text)
      expect(width / 2.5).toBe(Math.round(width / 2.5))
    },
  )

  test('a Data Matrix symbol has its two solid sides', () => {
    const text = '=+04000=A99992600012385=%9500=<E0336V00&>0260422359'
    expect(parseScan(text).parts).toHaveLength(4)
    const { path, width, height } = dataMatrix(text, 1)
    expect(width).toBe(height)
    const dark = new Set([...path.matchAll(/M(\d+) (\d+)h1/g)].map(([, x, y]) => `${x},${y}`))
    for (let at = 0; at < width; at++) {
      expect(dark.has(`0,${at}`)).toBe(true)
      expect(dark.has(`${at},${height - 1}`)).toBe(true)
      expect(dark.has(`${at},0`)).toBe(at % 2 === 0)
    }
  })
})
