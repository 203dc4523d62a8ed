/** Widths of bars and spaces by value, ISO/IEC 15417 table 1: 103 to 105 begin, the last one ends. */
const symbols = `
212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222
123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321
232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121
313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224
111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111
111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113
114311 411113 411311 113141 114131 311141 411131 211412 211214 211232`
  .trim()
  .split(/\s+/)
const end = '2331112'

/** What a scanner reads of bars drawn as rectangles in an SVG path. Fails where it would not read them. */
export function readCode128(path: string): string {
  const bars = [...path.matchAll(/M([\d.]+) [\d.]+h([\d.]+)v/g)].map(([, x, width]) => ({
    x: Number(x),
    width: Number(width),
  }))
  const narrow = Math.min(...bars.map(({ width }) => width))
  const widths = bars.flatMap(({ x, width }, index) => {
    const next = bars[index + 1]
    return [width, ...(next ? [next.x - x - width] : [])].map((length) => Math.round(length / narrow))
  })
  const read = widths.join('')
  if (!read.endsWith(end)) throw new Error('no end')
  const values = (read.slice(0, -end.length).match(/.{6}/g) ?? []).map((symbol) => symbols.indexOf(symbol))
  const check = values.pop()
  const sum = values.reduce((total, value, index) => total + value * Math.max(index, 1), 0)
  if (values.includes(-1) || sum % 103 !== check) throw new Error('misread')
  const [begin = 0, ...data] = values
  let set = 'ABC'.charAt(begin - 103)
  let told = ''
  for (const value of data) {
    if (value === 99 && set !== 'C') set = 'C'
    else if (value === 100 && set !== 'B') set = 'B'
    else if (value === 101 && set !== 'A') set = 'A'
    else if (set === 'C') told += String(value).padStart(2, '0')
    else if (set === 'B' || value < 64) told += String.fromCharCode(value + 32)
    else throw new Error('a control character')
  }
  return told
}
