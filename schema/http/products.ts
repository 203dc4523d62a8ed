import { z } from 'zod'
import {
  components,
  jurisdictions,
  policyDecisions,
  processes,
  proposalStates,
  shelfLifeStarts,
  shelfLifeUnits,
  unitsOfMeasure,
} from '../vocabulary.ts'
import { Count, InstantInput, InstantText, orNull, text } from './values.ts'

export const Amount = z
  .number()
  .min(0.01)
  .max(100_000)
  .multipleOf(0.01, 'has more than two decimals')
  .meta({ description: 'in the unit of measure, at most two decimals', example: 1.5 })

/** A code of a product as the catalogue knows it, without collection type and division. */
export const Code = z
  .string()
  .regex(/^[A-Za-z0-9]{1,20}$/, 'must be letters and digits')
  .meta({ description: 'of ISBT 128 the product description code; case is kept', example: 'E0336' })

const ShelfLife = z
  .strictObject({ count: z.int().min(1).max(36_600), unit: z.enum(shelfLifeUnits) })
  .meta({ description: 'hours from a moment, or days to the end of a day of the calendar' })

const named = {
  jurisdiction: z.enum(jurisdictions),
  scheme: z.literal('ISBT128').default('ISBT128'),
  code: Code,
}

const told = {
  name: text(200),
  component: z.enum(components).meta({ description: 'whose policies judge how it was kept' }),
  uom: z.enum(unitsOfMeasure),
  shelfLife: ShelfLife,
  countsFrom: z.enum(shelfLifeStarts),
  agitated: z.boolean(),
  isCollected: z.boolean().meta({ description: 'it comes from a donor as it is' }),
  treatments: z.array(z.enum(processes)).max(6).meta({ description: 'what was done to it already' }),
  source: text(500).meta({ description: 'who says so' }),
  uncertain: z.array(text(40)).max(20).meta({ description: 'which of these are to be confirmed' }),
}

const making = { process: z.enum(processes), code: Code, resetsExposure: z.boolean() }

const MakingInput = z.strictObject({
  ...making,
  resetsExposure: making.resetsExposure.default(false).meta({
    description: 'what it was kept at before does not count any more',
  }),
  shelfLife: orNull(ShelfLife)
    .default(null)
    .meta({ description: 'from when it is made, whatever else is said' }),
  within: orNull(ShelfLife).default(null).meta({ description: 'only so soon after collection' }),
})

export const ProductInput = z
  .strictObject({
    ...named,
    ...told,
    effectiveFrom: InstantInput,
    amount: orNull(Amount).default(null),
    agitated: told.agitated.default(false),
    isCollected: told.isCollected.default(false),
    treatments: told.treatments.default([]),
    makes: z.array(MakingInput).max(50).default([]),
    uncertain: told.uncertain.default([]),
    reason: text(500).meta({ description: 'why it is proposed' }),
  })
  .meta({
    id: 'ProductInput',
    description: 'the next version of an entry of the catalogue, as somebody proposes it',
  })

const content = {
  ...named,
  ...told,
  scheme: z.string(),
  effectiveFrom: InstantText,
  amount: orNull(z.number()).meta({ description: 'what a bag of it usually holds' }),
  makes: z
    .array(z.object({ ...making, shelfLife: orNull(ShelfLife), within: orNull(ShelfLife) }))
    .meta({ description: 'what may be made of it, by which process' }),
}

const Product = z
  .object({
    ...content,
    version: Count,
    proposal: orNull(Count).meta({ description: 'null: it was there first' }),
  })
  .meta({ id: 'Product', description: 'what a product code means' })

export const Products = z.object({ products: z.array(Product) }).meta({ id: 'Products' })

export const ProductProposal = z
  .object({
    id: Count,
    state: z.enum(proposalStates),
    product: z.object(content).meta({ id: 'ProposedProduct' }),
    reason: z.string(),
    by: z.string(),
    at: InstantText,
    opinions: z.array(
      z.object({ by: z.string(), decision: z.enum(policyDecisions), comment: z.string(), at: InstantText }),
    ),
  })
  .meta({ id: 'ProductProposal', description: 'in force once two have approved it, and not who proposed it' })

export const ProductProposals = z
  .object({ proposals: z.array(ProductProposal) })
  .meta({ id: 'ProductProposals' })
