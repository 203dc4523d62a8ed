import { z } from 'zod'
import { Name } from '../topics.ts'
import { rescueMoveStates, rescueReasons, rescueRejections, rescueStays, rescueWays } from '../vocabulary.ts'
import { Celsius, InstantText, orNull, text } from './values.ts'

const words = { zh: z.string(), en: z.string() }

const rejected = z
  .array(
    z
      .object({ reason: z.enum(rescueRejections), ...words, devices: z.array(Name) })
      .meta({ id: 'RescueRejected' }),
  )
  .meta({ description: 'devices that do not take it, by the first thing that speaks against them' })

const bag = {
  bagId: z.uuid(),
  label: z.string().meta({ description: 'donation with check character, and product' }),
}

const isHeld = z
  .boolean()
  .meta({ description: 'it is held for another reason, and stays held wherever it is' })
const wayMinutes = z.number().meta({ description: 'one way, as planned' })
const leaveBy = orNull(InstantText).meta({
  description: 'when it must leave; null: it is not lost by staying',
})

const RescueMove = z
  .object({
    order: z.int().meta({ description: '1 is carried first' }),
    ...bag,
    from: Name,
    to: Name,
    facility: z.string().meta({ description: 'where that stands' }),
    by: z.enum(rescueWays),
    leaveBy,
    state: z.enum(rescueMoveStates).meta({ description: 'arrived: it was seen inside there' }),
    acceptedAt: InstantText,
    settledAt: orNull(InstantText).meta({ description: 'when it was first seen there, or given up' }),
    inside: orNull(Name).meta({ description: 'the device it is inside of now, as far as anybody has seen' }),
    isToInAlarm: z
      .boolean()
      .meta({ description: 'where it is to go fails as well: give it up, and plan again' }),
    isToGone: z.boolean().meta({
      description:
        'where it is to go was retired since, or moved to another facility: give it up, and plan again',
    }),
  })
  .meta({ id: 'RescueMove' })

export const Rescue = z
  .object({
    rescue: z.int(),
    alarm: z.int(),
    moves: z.array(RescueMove).meta({ description: 'by the order they are carried in' }),
  })
  .meta({ id: 'Rescue' })

export const RescuePlan = z
  .object({
    alarm: z.int(),
    device: Name,
    askedAt: InstantText,
    policy: z.int().meta({ description: 'the version it was planned by' }),
    limitAt: orNull(z.object({ p10: InstantText, median: InstantText })).meta({
      description: 'when the device leaves its limits: planned by the earlier; null: not known, so at once',
    }),
    moves: z
      .array(
        z
          .object({
            order: z.int().meta({ description: '1 is carried first' }),
            ...bag,
            to: Name,
            facility: z.string().meta({ description: 'where that stands' }),
            by: z.enum(rescueWays),
            wayMinutes,
            leaveBy,
            reasons: z.array(z.object({ reason: z.enum(rescueReasons), ...words })),
            reading: orNull(z.object({ at: InstantText, celsius: Celsius })).meta({
              description: 'what is measured there',
            }),
            placesLeft: z.int().meta({ description: 'there, when all is carried' }),
            isHeld,
            rejected,
          })
          .meta({ id: 'PlannedMove' }),
      )
      .meta({ description: 'the most urgent first' }),
    stays: z
      .array(
        z
          .object({
            ...bag,
            reason: z.enum(rescueStays),
            ...words,
            ask: z.array(Name).meta({ description: 'devices that would do if somebody there finds room' }),
            isHeld,
            rejected,
          })
          .meta({ id: 'StayingBag' }),
      )
      .meta({ description: 'bags that stay, and why' }),
    trips: z.array(
      z
        .object({
          to: Name,
          by: z.enum(rescueWays),
          ...words,
          bags: z.array(z.uuid()),
          wayMinutes,
          leaveBy,
        })
        .meta({ id: 'RescueTrip', description: 'what one person carries at one time' }),
    ),
    carriers: z.int().meta({ description: 'so many people carry all of it in time' }),
    accepted: z.array(RescueMove).meta({ description: 'what was accepted with this alarm before' }),
  })
  .meta({ id: 'RescuePlan' })

export const RescueInput = z
  .strictObject({ comment: text(500).optional().meta({ description: 'what else is to be known' }) })
  .meta({ id: 'RescueInput' })

export const RescueAbandonInput = z
  .strictObject({ reason: text(500).meta({ description: 'why these bags are not carried there' }) })
  .meta({ id: 'RescueAbandonInput' })

export const AbandonedRescue = z
  .object({ alarm: z.int(), abandoned: z.int().meta({ description: 'how many moves were given up' }) })
  .meta({ id: 'AbandonedRescue' })
