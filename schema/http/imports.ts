import { z } from 'zod'
import { Name } from '../topics.ts'
import { bagStates, holdKinds } from '../vocabulary.ts'
import { BagInput } from './bags.ts'
import { DonationInput } from './life.ts'
import { Count, InstantInput, orNull } from './values.ts'

/** A file may have so many rows, and so many bytes. */
export const maxRows = 20_000
export const maxFileBytes = 16_777_216

/** What an export says besides what was registered: how far it was then. An import takes no bag further by it. */
const exported = {
  bagId: z.uuid().optional(),
  state: z.enum(bagStates).optional(),
  holds: z.array(z.enum(holdKinds)).max(100).optional(),
  registeredAt: InstantInput.optional(),
}
const exportedColumns = ['bagId', 'state', 'holds', 'registeredAt'] as const

/** A line of a file of bags: the body of `POST /bags`, and what an export adds. */
export const ImportedBag = BagInput.extend(exported)

/** A line of a file of donations: the body of `POST /donations`, whose time must be said, and what an export adds. */
export const ImportedDonation = DonationInput.extend({ ...exported, collectedAt: InstantInput })

/** The columns of a CSV file, in the order exports write them. */
export const bagColumns = [
  ...['din', 'productCode', 'component', 'expiresAt', 'collectedAt', 'amount', 'abo', 'rhd', 'facility'],
  ...exportedColumns,
] as const
export const donationColumns = [
  ...['din', 'donor', 'facility', 'productCode', 'component', 'expiresAt', 'collectedAt', 'amount'],
  ...exportedColumns,
] as const

const shape =
  'CSV with a header (UTF-8, quoted where need be) or a JSON object on each line, of at most ' +
  `${maxRows} rows and ${maxFileBytes / 1_048_576} MiB. Columns: `

export const BagsFileInput = z.string().meta({
  id: 'BagsFileInput',
  description: `${shape}${bagColumns.join(', ')}; in JSON as in the body of POST /bags`,
})

export const DonationsFileInput = z.string().meta({
  id: 'DonationsFileInput',
  description: `${shape}${donationColumns.join(', ')}; in JSON as in the body of POST /donations`,
})

export const ImportQuery = z.strictObject({
  skipErrors: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: 'true: write the good rows though others are in error; otherwise all or nothing' }),
})

const RowError = z
  .object({
    column: orNull(z.string()).meta({ description: 'null: the row as a whole' }),
    code: z.string().meta({ description: 'as the code of the problem the row alone would be refused with' }),
    detail: z.string(),
  })
  .meta({ id: 'RowError' })

const ImportedRow = z
  .object({
    row: z.int().min(1).meta({
      description: 'as a spreadsheet counts, where the header is row 1; in JSON the number of the line',
    }),
    outcome: z.enum(['new', 'already_there', 'error']),
    din: orNull(z.string()).meta({ description: 'as it was read; null where it could not be' }),
    productCode: orNull(z.string()),
    bagId: orNull(z.uuid()).meta({ description: 'null where no bag stands, or will as far as is known' }),
    holds: z.array(z.string()).meta({ description: 'why a new bag is held from the beginning' }),
    errors: z.array(RowError),
  })
  .meta({ id: 'ImportedRow' })

export const ImportReport = z
  .object({
    rows: Count.meta({ description: 'but for blank ones' }),
    new: Count,
    alreadyThere: Count.meta({ description: 'nothing the file says of them differs from what stands' }),
    errors: Count,
    each: z.array(ImportedRow).meta({ description: 'in the order of the file' }),
  })
  .meta({ id: 'ImportReport' })

export const ExportQuery = z.strictObject({
  facility: Name.optional().meta({ description: 'only of this facility' }),
  registeredSince: InstantInput.optional().meta({ description: 'only what was registered then or later' }),
  format: z
    .enum(['csv', 'ndjson'])
    .optional()
    .meta({ description: 'otherwise by Accept; CSV where it does not matter' }),
})

const cells =
  "a cell that would begin with = + - @, a tab or a new line, which a spreadsheet takes for a formula, or with ', has a ' " +
  'in front, which an import takes off'

export const BagsExport = z.string().meta({
  id: 'BagsExport',
  description: `what an import of bags reads; in CSV ${cells}`,
})

export const DonationsExport = z.string().meta({
  id: 'DonationsExport',
  description: `what an import of donations reads; in CSV ${cells}`,
})
export type ImportReport = z.infer<typeof ImportReport>
