import bwip from 'bwip-js/generic'

/** Modules that are dark, as an SVG path; all lengths are in the units of who draws. */
export type Drawing = { readonly path: string; readonly width: number; readonly height: number }

/** Bars of Code 128, each as high as the symbol; the quiet zones are left to who places it. */
export function code128(text: string, module: number, height: number): Drawing {
  const [symbol] = bwip.raw({ bcid: 'code128', text })
  if (!symbol || !('sbs' in symbol)) throw new Error('bwip-js drew no bars')
  const bars: string[] = []
  let at = 0
  for (const [index, modules] of symbol.sbs.entries()) {
    const width = modules * module
    if (index % 2 === 0) bars.push(rectangle(at, 0, width, height))
    at += width
  }
  return { path: bars.join(''), width: at, height }
}

/** A Data Matrix symbol (ECC 200). */
export function dataMatrix(text: string, module: number): Drawing {
  const [symbol] = bwip.raw({ bcid: 'datamatrix', text })
  if (!symbol || !('pixs' in symbol)) throw new Error('bwip-js drew no modules')
  const { pixs, pixx, pixy } = symbol
  const cells = pixs.flatMap((isDark, index) =>
    isDark ? [rectangle((index % pixx) * module, Math.floor(index / pixx) * module, module, module)] : [],
  )
  return { path: cells.join(''), width: pixx * module, height: pixy * module }
}

function rectangle(x: number, y: number, width: number, height: number): string {
  return `M${x} ${y}h${width}v${height}h${-width}z`
}
