import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { z } from 'zod'
import { Instant } from './messages.ts'
import { Name } from './topics.ts'
import {
  abos,
  bagStates,
  characterClasses,
  codeParts,
  components,
  crossmatchMethods,
  crossmatchResults,
  findings,
  groupingMethods,
  holdKinds,
  type OfflineDocument,
  placeStates,
  processes,
  requirements,
  rhds,
  specificities,
  unitSchemes,
  unitTraits,
} from './vocabulary.ts'

const Ms = z.int().min(0)
const base64 = (max: number) => z.base64().max(max)

/**
 * The body of `holdList`, and what a terminal fetches over HTTP: the very bytes that were signed (raw DEFLATE of JSON), by
 * which key, and the signature (Ed25519, RFC 8032). Nothing in it is believed before it is verified.
 */
export const SignedDocument = z
  .object({ keyId: Name, payload: base64(1_000_000), signature: base64(100) })
  .meta({ id: 'SignedDocument' })
export type SignedDocument = z.infer<typeof SignedDocument>

/** A key by which documents are verified: SubjectPublicKeyInfo (DER) in base64. */
export const ListKey = z.object({ id: Name, key: base64(200) }).meta({ id: 'ListKey' })
export type ListKey = z.infer<typeof ListKey>

/** Patients stand here by a keyed hash: who carries the list learns no pseudonym of it. */
const Who = z.string().length(22)

const Kept = z.object({
  wasOutOfRange: z.boolean(),
  unverifiedMs: z.number().min(0),
  uncontrolledMs: z.number().min(0),
  /** Where it was believed to be; null where it was never seen. */
  place: z.enum(placeStates).nullable(),
  /** Inside a device: until when the last reading speaks for it. */
  spokenUntil: Instant.nullable(),
})

const ListedBag = z.object({
  id: z.uuid(),
  scheme: z.enum(unitSchemes),
  identifier: z.string(),
  productCode: z.string(),
  collectionType: z.string(),
  division: z.string(),
  component: z.enum(components),
  state: z.enum(bagStates),
  expiresAt: Instant,
  group: z.object({ abo: z.enum(abos), rhd: z.enum(rhds) }).nullable(),
  lowTitre: z.boolean(),
  isForAnybody: z.boolean(),
  reservation: z.object({ patient: Who, until: Instant }).nullable(),
  holds: z.array(z.enum(holdKinds)),
  /** The device it is believed to be inside of. */
  device: Name.nullable(),
  /** Null where no policy speaks of it, or nobody asked, for it may not be handed out in any case. */
  kept: Kept.nullable(),
  /** In which its label's times are read. */
  timeZone: z.string(),
  /** What was found in its donation, and looked for and not found; left out where nobody looked. */
  traits: z.partialRecord(z.enum(unitTraits), z.boolean()).optional(),
  /** What was done to it; left out where nothing was. */
  treatments: z.array(z.enum(processes)).optional(),
})

const CodeField = z.union([
  z.object({ part: z.enum(codeParts), characters: z.enum(characterClasses), length: z.int().min(1) }),
  z.object({ literal: z.string() }),
])

/** What a terminal decides by while it is cut off. */
export const OfflineList = z.object({
  v: z.literal(2),
  kind: z.literal('holds' satisfies OfflineDocument),
  device: Name,
  facility: Name,
  /** Grows by one with every list of the device: an older one never takes the place of a newer. */
  seq: z.int().min(1),
  asOf: Instant,
  /** How bags were kept was asked then, which may be a little earlier. */
  keptAt: Instant,
  /** From then on a person is asked; from `refuseFrom` on it is worth nothing. */
  validUntil: Instant,
  refuseFrom: Instant,
  policy: z.object({ offline: z.int(), answers: z.int() }),
  rules: z.array(
    z.object({
      code: z.enum(findings),
      answer: z.enum(['STOP', 'CALL']),
      rank: z.int(),
      zh: z.string(),
      en: z.string(),
    }),
  ),
  secondChecker: z.boolean(),
  telephone: z.string().nullable(),
  rhdPositive: z.union([z.literal('to_everybody'), z.object({ menOver: z.int(), womenOver: z.int() })]),
  /** How long a component may be in hands; null for as long as one likes. What is missing: not at all. */
  handlingMs: z.partialRecord(z.enum(components), Ms.nullable()),
  stations: z.array(
    z.object({
      facility: z.string(),
      region: z.string(),
      profile: z.string(),
      codes: z.array(z.object({ codabar: z.boolean(), fields: z.array(CodeField) })),
    }),
  ),
  /** What must be crossmatched for whom anything is on record, and whether for everybody. */
  crossmatch: z.object({ components: z.array(z.enum(components)), isForAll: z.boolean() }),
  bags: z.array(ListedBag),
  /** So many bags had no room: they are not on it, and so nobody is handed them. */
  leftOut: z.int().min(0),
})
export type OfflineList = z.infer<typeof OfflineList>

/** A list as it may be kept: the first ones knew nothing of crossmatches. No terminal believes those any more. */
export const KeptList = OfflineList.extend({
  v: z.union([z.literal(1), z.literal(2)]),
  crossmatch: OfflineList.shape.crossmatch.default({ components: [], isForAll: false }),
})
export type KeptList = z.infer<typeof KeptList>

/** Samples and people have short names of their own here, which say only who is not who. */
const Short = z.string()

const Crossmatch = z.object({
  bag: z.uuid(),
  sampleId: Short,
  method: z.enum(crossmatchMethods),
  result: z.enum(crossmatchResults),
  at: Instant,
  until: Instant,
})

const PatientRecord = z.object({
  samples: z.array(
    z.object({
      id: Short,
      collectedAt: Instant,
      exposed: z.boolean().nullable(),
      exposureSince: Instant,
      shortUntil: Instant,
      longUntil: Instant,
      isRejected: z.boolean(),
    }),
  ),
  groupings: z.array(
    z.object({
      sampleId: Short,
      abo: z.enum(abos),
      rhd: z.enum(rhds),
      method: z.enum(groupingMethods),
      by: Short,
    }),
  ),
  screens: z.array(z.object({ sampleId: Short, positive: z.boolean() })),
  antibodies: z.array(z.enum(specificities)),
  requirements: z.array(z.enum(requirements)),
  exposedAt: Instant.nullable(),
})

/** Whom bags may be for. It is fetched over HTTP alone: what goes over MQTT knows no patient. */
export const OfflinePatients = z.object({
  v: z.literal(2),
  kind: z.literal('patients' satisfies OfflineDocument),
  device: Name,
  /** Whose patients they are. */
  facility: Name,
  asOf: Instant,
  validUntil: Instant,
  /** What turns a pseudonym into `who`, here as in the list. */
  salt: z.string(),
  patients: z.array(
    z.object({
      who: Who,
      /** What the facility says of them in a word. */
      group: z.object({ abo: z.enum(abos).nullable(), rhd: z.enum(rhds).nullable() }),
      antiD: z.boolean(),
      sampleUntil: Instant.nullable(),
      /** Left out where nothing more is on record. */
      record: PatientRecord.optional(),
      /** With bags that may be handed out there; left out where there are none. */
      crossmatches: z.array(Crossmatch).optional(),
    }),
  ),
  /** So many had no room: whoever is not named may be one of them. */
  leftOut: z.int().min(0),
})
export type OfflinePatients = z.infer<typeof OfflinePatients>

/** The name a patient has in a list. */
export function whoIs(pseudonym: string, salt: string): string {
  return createHmac('sha256', salt).update(pseudonym).digest().subarray(0, 16).toString('base64url')
}

/** A document by its bytes, SHA-256 in hexadecimal. */
export function hashOfDocument({ payload }: Pick<SignedDocument, 'payload'>): string {
  return createHash('sha256').update(Buffer.from(payload, 'base64')).digest('hex')
}

/** No honest document unpacks to more, bytes. */
const mostBytes = 16_000_000

/**
 * What was signed, if it was by one of these keys and is what it should be; else why it is not believed.
 *
 * @param schema which of the documents is expected: one is never taken for the other
 */
export function openSigned<T extends z.ZodType>(
  signed: unknown,
  keys: readonly ListKey[],
  schema: T,
): { readonly content: z.output<T>; readonly refused: null } | { readonly refused: string } {
  const document = SignedDocument.safeParse(signed)
  if (!document.success) return { refused: 'unreadable' }
  const { keyId, payload, signature } = document.data
  const key = keys.find(({ id }) => id === keyId)
  if (!key) return { refused: 'unknown_key' }
  const bytes = Buffer.from(payload, 'base64')
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key.key, 'base64'), format: 'der', type: 'spki' })
    if (!verify(null, bytes, publicKey, Buffer.from(signature, 'base64'))) return { refused: 'bad_signature' }
    const text = inflateRawSync(bytes, { maxOutputLength: mostBytes }).toString()
    const content = schema.safeParse(JSON.parse(text))
    return content.success ? { content: content.data, refused: null } : { refused: 'unreadable' }
  } catch {
    return { refused: 'unreadable' }
  }
}
