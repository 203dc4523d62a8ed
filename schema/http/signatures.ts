import { z } from 'zod'
import { Name } from '../topics.ts'
import { signatureComponents, signatureMeanings, signedActs } from '../vocabulary.ts'
import { InstantText, limit, orNull, text } from './values.ts'

const meaning = z.enum(signatureMeanings)

export const SignatureInput = z
  .strictObject({
    badge: text(200).optional().meta({ description: 'what the badge reads as; then the secret is its PIN' }),
    username: z.string().min(1).max(200).optional().meta({ description: 'then the secret is the password' }),
    secret: z.string().min(1).max(1_000).meta({ description: 'checked now, and kept nowhere' }),
    meaning: meaning.optional().meta({ description: 'checked against what is done, where it is said' }),
  })
  .refine(({ badge, username }) => (badge === undefined) !== (username === undefined), {
    path: ['username'],
    message: 'say who signs: by badge or by username',
  })
  .meta({
    id: 'SignatureInput',
    description:
      'an electronic signature by two components. Wrong ones count as at signing in; a key cannot sign for anybody',
  })

/** What signs an act, and a second person where there is one. The door looks for them under these names. */
export const Signing = z.object({
  signature: SignatureInput.optional(),
  witnessSignature: SignatureInput.optional(),
})

export const signedBy = SignatureInput.optional().meta({
  description: 'of whoever is signed in; needed where the facility demands it',
})

export const SignatureRules = z
  .object({ acts: z.array(z.enum(signedActs)) })
  .meta({ id: 'SignatureRules', description: 'what is done there only with a signature' })

export const SignatureRulesInput = z
  .strictObject({ acts: z.array(z.enum(signedActs)).max(signedActs.length) })
  .meta({
    id: 'SignatureRulesInput',
    description:
      'emergency_release: nobody is handed blood in an emergency without one; weigh what that delays',
  })

const words = { meaning, zh: z.string(), en: z.string() }

/** With what it signs: printed name, date and time, meaning. */
export const Manifestation = z
  .object({ signatureId: z.uuid(), name: z.string(), at: InstantText, ...words })
  .meta({ id: 'Manifestation' })

export const SignaturesQuery = z.strictObject({
  facility: Name.optional(),
  subject: z.string().min(1).max(200).optional().meta({
    description: 'only of this bag, recall or take-out, by its id or number',
  }),
  before: z.uuid().toLowerCase().optional().meta({ description: 'only those made before this one' }),
  limit: limit(1_000, 100),
})

export const Signatures = z
  .object({
    signatures: z
      .array(
        z
          .object({
            signatureId: z.uuid(),
            name: z.string(),
            username: z.string(),
            at: InstantText,
            ...words,
            components: z.enum(signatureComponents),
            facility: z.string(),
            signs: z.array(
              z
                .object({
                  action: z.string(),
                  subjectKind: z.string(),
                  subject: z.string(),
                  at: InstantText,
                  reason: orNull(z.string()),
                })
                .meta({ id: 'SignedEntry' }),
            ),
          })
          .meta({ id: 'Signature' }),
      )
      .meta({ description: 'newest first' }),
    next: orNull(z.uuid()).meta({
      description: 'ask for what was made `before` this; null where nothing was',
    }),
  })
  .meta({ id: 'Signatures' })
