/** Where people look: a page that is drawn anew each time, or lines one after the other. */
export type StatusPage = {
  /** Whether there is a page; otherwise there are lines. */
  readonly isDrawn: boolean
  /** What stays on top; of a longer head only what is new is printed. */
  head(lines: readonly string[]): void
  /** How it stands now; only a page shows it. */
  show(lines: readonly string[]): void
  /** Something has happened. */
  tell(line: string): void
  /** From now on lines are left standing. */
  close(): void
}

export type Screen = {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

const home = '\u001b[H'
const restOfLine = '\u001b[K'
const restOfScreen = '\u001b[J'
const clear = '\u001b[2J'
const newest = 12
/** On less, commands to be copied are cut, and what stands at the end is not seen. */
const least = { columns: 105, rows: 30 }

/**
 * Plain ANSI: it draws over what it has drawn, so that nothing flickers. Without a terminal, or on one that is too small,
 * every line is printed once.
 */
export function openStatusPage(screen: Screen): StatusPage {
  const { isTTY, columns = 0, rows = 0 } = screen
  const isDrawn = isTTY === true && columns >= least.columns && rows >= least.rows
  const happened: string[] = []
  let top: readonly string[] = []
  let now: readonly string[] = []
  let isOpen = isDrawn

  function draw(): void {
    if (!isOpen) return
    const all = [...top, '', ...now, '', ...happened]
    const shown = all.slice(0, Math.max(1, (screen.rows ?? 40) - 1))
    const lines = shown.map((line) => `${cut(line, screen.columns ?? 100)}${restOfLine}\n`)
    screen.write(`${home}${lines.join('')}${restOfScreen}`)
  }

  const print = (line: string) => void screen.write(`${line}\n`)
  if (isDrawn) screen.write(clear)
  return {
    isDrawn,
    head(lines) {
      const fresh = lines.filter((line) => !top.includes(line))
      top = lines
      if (isDrawn) draw()
      else for (const line of fresh) print(line)
    },
    show(lines) {
      now = lines
      draw()
    },
    tell(line) {
      if (!isOpen) return print(line)
      happened.unshift(line)
      happened.length = Math.min(happened.length, newest)
      draw()
    },
    close() {
      isOpen = false
    },
  }
}

/** Fits a width of the screen, on which Chinese characters take two. */
function cut(line: string, columns: number): string {
  let width = 0
  let kept = ''
  for (const character of line) {
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]/.test(
      character,
    )
      ? 2
      : 1
    if (width > columns) return kept
    kept += character
  }
  return kept
}
