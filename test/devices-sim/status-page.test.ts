import { expect, test } from 'vitest'
import { openStatusPage, type Screen } from '../../devices-sim/status-page.ts'

const esc = String.fromCharCode(27)
const codes = new RegExp(`${esc}\\[[HKJ]`, 'g')

function aScreen(changes: Partial<Screen> = {}) {
  const written: string[] = []
  return { written, ...changes, write: (text: string) => void written.push(text) }
}

const aTerminal = (size: Partial<Screen> = {}) => aScreen({ isTTY: true, columns: 110, rows: 30, ...size })

test('where nobody looks at a terminal, every line is printed once, in order and without a control character', () => {
  const screen = aScreen()
  const page = openStatusPage(screen)
  page.head(['API docs  here', 'MQTT  there'])
  page.show(['fridges'])
  page.tell('a bag is given')
  page.head(['API docs  here', 'MQTT  there', 'accounts'])
  page.tell('another')
  page.close()
  expect(screen.written.join('')).toBe('API docs  here\nMQTT  there\na bag is given\naccounts\nanother\n')
})

test('a terminal shows one page: the head, how it stands, and the newest first', () => {
  const screen = aTerminal()
  const page = openStatusPage(screen)
  page.head(['head'])
  page.tell('first')
  page.tell('second')
  page.show(['now'])
  const text = (screen.written.at(-1) ?? '').replaceAll(codes, '')
  expect(text).toBe('head\n\nnow\n\nsecond\nfirst\n')
  expect(screen.written.at(-1)?.startsWith(`${esc}[H`)).toBe(true)
})

test.each([
  ['narrow', { columns: 80 }],
  ['low', { rows: 24 }],
])('a terminal too %s for a page gets plain lines: a command that is cut is none', (_how, size) => {
  const screen = aTerminal(size)
  const page = openStatusPage(screen)
  page.head(['x'.repeat(200)])
  page.show(['now'])
  page.tell('a bag is given')
  expect(page.isDrawn).toBe(false)
  expect(screen.written.join('')).toBe(`${'x'.repeat(200)}\na bag is given\n`)
})

test('once it is made smaller no line is wider than the terminal and no page higher, Chinese or not', () => {
  const screen = aTerminal()
  const page = openStatusPage(screen)
  expect(page.isDrawn).toBe(true)
  Object.assign(screen, { columns: 10, rows: 8 })
  page.head(['青澜人民医院的手术室'])
  page.show(Array.from({ length: 20 }, (_, line) => `line ${line} is long`))
  const lines = (screen.written.at(-1) ?? '').replaceAll(codes, '').trimEnd().split('\n')
  expect(lines).toHaveLength(7)
  expect(lines[0]).toBe('青澜人民医')
  for (const line of lines.slice(1)) expect(line.length).toBeLessThanOrEqual(10)
})

test('what is told after it is closed is left standing', () => {
  const screen = aTerminal()
  const page = openStatusPage(screen)
  page.close()
  page.tell('stopped clean')
  expect(screen.written.at(-1)).toBe('stopped clean\n')
})
