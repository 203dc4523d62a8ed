import { z } from 'zod'
import { Instant } from '../messages.ts'
import { probeKinds } from '../vocabulary.ts'

const anInstant = '2026-11-22T03:00:00.000Z'
const theSameInstant = '2026-11-22T11:00:00+08:00'

/** A bare + in a URL arrives as a space. */
function lostPlus(input: unknown): string {
  const isLost = typeof input === 'string' && /T\S+ \d\d:\d\d$/.test(input)
  return isLost ? '; in a URL, + is written %2B' : ''
}

/** An instant as requests spell it, with any offset from UTC; read as ms UTC. */
export const InstantInput = z.iso
  .datetime({
    offset: true,
    error: ({ input }) => `must be an instant like ${anInstant} or ${theSameInstant}${lostPlus(input)}`,
  })
  .transform((text) => Date.parse(text))
  .pipe(Instant)
  .meta({ description: 'ISO 8601 with seconds and an offset from UTC', example: anInstant })

/** An instant as answers spell it. */
export const InstantText = z.iso
  .datetime({ precision: 3 })
  .meta({ description: 'ISO 8601, UTC, with milliseconds', example: anInstant })

/** A temperature as requests spell it. No cold chain is outside -273.15 to 300. */
export const CelsiusInput = z
  .number()
  .min(-273.15)
  .max(300)
  .multipleOf(0.01, 'has more than two decimals')
  .meta({ description: 'degrees Celsius, at most two decimals', example: 2.5 })

export const Celsius = z.number().meta({ description: 'degrees Celsius, two decimals', example: 4.25 })

export const Count = z.int().min(0)

export const Milliseconds = z.int().min(0).meta({ description: 'milliseconds' })

/** Text that people write: no control characters, so that it can be stored and shown on one line. */
export const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
    .regex(/^[^\u0000-\u001f\u007f\ud800-\udfff]*$/u, 'holds a control character or half a surrogate pair')

/** How many of a list to answer with. */
export const limit = (max: number, usual: number) =>
  z.coerce.number().int().min(1).max(max).default(usual).meta({ description: 'the most to answer with' })

export const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()])

export const ProbeChoice = z.enum(probeKinds).default('load').meta({
  description: 'which probe: in the air, in a load that behaves like a bag, or outside the container',
})
