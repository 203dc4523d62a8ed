import { z } from 'zod'
import { Name } from '../topics.ts'
import { BagId } from './bags.ts'
import { CelsiusInput, InstantText, limit, orNull, text } from './values.ts'

const seal = text(100).meta({ description: 'the number on the seal' })
const bags = z.array(BagId).max(200)

export const BoxInput = z
  .strictObject({
    box: Name.meta({ description: 'as people name it; the same that a bag is distributed in' }),
    facility: Name,
    to: Name.meta({ description: 'the facility it goes to' }),
    device: Name.optional().meta({ description: 'the box itself, where it is a device that reports' }),
    seal: seal.optional(),
    celsius: CelsiusInput.optional().meta({ description: 'inside, when it was packed' }),
    logger: text(100).optional().meta({ description: 'the number of a logger that is no device here' }),
    bags: bags.default([]),
  })
  .meta({ id: 'BoxInput' })

export const BoxBagsInput = z.strictObject({ bags: bags.min(1) }).meta({ id: 'BoxBagsInput' })

export const SealInput = z.strictObject({ seal }).meta({
  id: 'SealInput',
  description: 'as it was found; one that is another is written down, never refused',
})

export const BoxConclusionInput = z
  .strictObject({ conclusion: text(1_000) })
  .meta({ id: 'BoxConclusionInput' })

export const BoxParams = z.strictObject({ boxId: z.uuid().toLowerCase() })

export const BoxesQuery = z.strictObject({
  facility: Name.optional(),
  open: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: 'only those that something is in, or only others' }),
  limit: limit(1_000, 100),
})

export const Box = z
  .object({
    boxId: z.uuid(),
    box: z.string(),
    device: orNull(z.string()),
    facility: z.string(),
    to: z.string(),
    seal: orNull(z.string()),
    celsius: orNull(z.number()),
    logger: orNull(z.string()),
    packedAt: InstantText,
    packedBy: z.string().meta({ description: 'the id of a person or a key' }),
    emptiedAt: orNull(InstantText),
    bags: z.array(
      z
        .object({ bagId: z.uuid(), packedAt: InstantText, unpackedAt: orNull(InstantText) })
        .meta({ id: 'BoxedBag' }),
    ),
    seals: z
      .array(z.object({ seal: z.string(), matches: z.boolean(), at: InstantText }).meta({ id: 'SealCheck' }))
      .meta({ description: 'as they were found, oldest first' }),
    conclusion: orNull(z.string()),
  })
  .meta({ id: 'Box' })

export const Boxes = z.object({ boxes: z.array(Box) }).meta({ id: 'Boxes', description: 'newest first' })
