import { createHash } from 'node:crypto'

/** A stream of chance that is the same for the same seed, on every machine. */
export type Random = {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  /** A whole number, both ends included. */
  whole(low: number, high: number): number
  /** True with probability `p`. */
  chance(p: number): boolean
  /** Normal with mean 0 and deviation 1. */
  normal(): number
  /** The wait until the next of events that come `perMs` on average. */
  waitMs(perMs: number): number
  /** 24 hex digits. */
  id(): string
  /** Another stream, given by the seed and the label alone: what one part draws never shifts another. */
  fork(label: string | number): Random
}

/** xoshiro128** 1.1 (Blackman and Vigna, public domain), seeded by SHA-256 of the seed's text. */
export function createRandom(seed: string | number): Random {
  const digest = createHash('sha256').update(String(seed)).digest()
  let [a, b, c, d] = [0, 4, 8, 12].map((at) => digest.readInt32LE(at)) as [number, number, number, number]

  function uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotateLeft(d, 11)
    return result
  }
  const next = () => ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) / 2 ** 53
  const between = (low: number, high: number) => low + (high - low) * next()

  return {
    next,
    between,
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (p) => next() < p,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    waitMs: (perMs) => -Math.log(1 - next()) / perMs,
    id: () => Array.from({ length: 3 }, () => uint32().toString(16).padStart(8, '0')).join(''),
    fork: (label) => createRandom(`${seed}/${label}`),
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
