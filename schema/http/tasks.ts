import { z } from 'zod'
import { Name } from '../topics.ts'
import { alarmKinds, probeKinds, taskKinds, transfusionFaults } from '../vocabulary.ts'
import { InstantText, orNull } from './values.ts'

export const TasksQuery = z.strictObject({
  facility: Name.optional().meta({ description: 'only those of this facility' }),
  kind: z.enum(taskKinds).optional(),
})

const Task = z
  .object({
    kind: z.enum(taskKinds).meta({
      description:
        'issue_unconfirmed: a bag was issued at a fridge, and nobody saw it leave. transfused_against: it was given ' +
        'although something spoke against it, once for each time that was told. seen_after_fate: it was seen inside a device after its fate was ' +
        'recorded. seen_elsewhere: it is in stock, and inside a device of another facility. taken_without_issue: it ' +
        'may be issued, was not, and has been out of every container for too long. taken_unscanned, taken_by_key: it ' +
        'left a fridge whose door sessions open, in one or without one, and was not issued. emergency_release, ' +
        'glass_broken: it was issued in an emergency, or although somebody was to be called, and nobody has reviewed ' +
        'that. incompatible_out: it is issued or being given, or was given, and was found since not to fit its patient. ' +
        'rescue_to_carry: it is to be ' +
        'carried out of a failing device. rescue_overdue: it was to be, and was not seen there in time. ' +
        'calibration_due, mapping_due: of a ' +
        'probe or a device it is missing, or runs out. device_unqualified: bags are inside a device that is not qualified, ' +
        'or out of service. manual_reading_missing: nobody has read it often enough today, by the day of its facility. ' +
        'manual_reading_differs: the newest reading by hand is too far from what the probe showed. sequence_hole: messages of a device have not ' +
        'come for longer than a day. alarm_test_due: an alarm of a device ' +
        'was not found good for too long, or its last test failed. inside_retired: the bag is inside a device that ' +
        'was revoked, by all that was seen: nobody measures it. ' +
        'transfusion_not_ended: it began to be given, and its end ' +
        'was not told in time. bedside_missing: it was issued, and nothing was told at the bedside for an hour. ' +
        'presumed_transfused: nothing was for a day: it is presumed given, which is no fate, and to be reconciled. ' +
        'journey_overdue: it was sent and has not left, or has not come, for longer than it may. return_to_inspect: it ' +
        'came back. reservation_ending: it is kept for a patient for two hours at most. expires_soon: it may be used, and ' +
        'expires within days. expired_on_shelf: it has expired, and is in stock still. fate_unknown: it expired a week ago ' +
        'or longer, and has no fate. seal_mismatch: a box came with another seal than it was sent with. ' +
        'recalled_out: an open recall holds it, and it is in no device. ' +
        'unknown_product: a bag is held because the catalogue does not know its product code. ' +
        'order_unapproved: blood was ordered, and somebody is to approve it; in an emergency afterwards. order_unfilled: ' +
        'it will soon be needed, and not all of it was handed out. grouping_discrepancy: the groupings of a patient differ. ' +
        'sample_ending: bags are kept for a patient whose sample runs out, or has. hl7_refused: a message of another system ' +
        'was not done. transfer_wanted: blood was asked for of other facilities, and not all of it is there: told where it is ' +
        'needed and at centres. transfer_to_approve, transfer_to_send: bags are promised to another facility, and somebody ' +
        'here is to approve that, or to send them. transfer_broken: bags that were promised do not come, or may not be used',
    }),
    bagId: orNull(z.uuid()).meta({
      description: 'null where it is about a device, a box, a patient or an order',
    }),
    label: orNull(z.string()).meta({ description: 'donation with check character, and product' }),
    probe: z.enum(probeKinds).optional().meta({ description: 'which of the device, where it is about one' }),
    device: orNull(z.string()).meta({
      description: 'where to look: the device it is about, the bag is inside, or was last seen in',
    }),
    deviceLabel: orNull(z.string()).meta({
      description: 'what people call the device, where not by its name',
    }),
    facility: z.string().meta({
      description: 'who holds the bag, or opened the fridge it was issued at; or where the device stands',
    }),
    since: InstantText,
    zh: z.string(),
    en: z.string(),
    discrepancies: z
      .array(z.enum(transfusionFaults))
      .optional()
      .meta({ description: 'of transfused_against: all that spoke against it' }),
    patient: orNull(z.string())
      .optional()
      .meta({ description: 'whom it is about: told only to who may know patients there' }),
    message: z.int().optional().meta({ description: 'of hl7_refused: its number' }),
    transfer: z.uuid().optional().meta({ description: 'of transfer_to_approve, _to_send, _broken: which' }),
    request: z.uuid().optional().meta({ description: 'of transfer_wanted: which' }),
    order: z.uuid().optional().meta({ description: 'of order_unapproved and order_unfilled: which' }),
    box: z.string().optional().meta({ description: 'of seal_mismatch: the box, as people name it' }),
    boxId: z.uuid().optional().meta({ description: 'of seal_mismatch: its packing' }),
    alarm: z.enum(alarmKinds).optional().meta({ description: 'of alarm_test_due: which to test' }),
  })
  .meta({ id: 'Task' })

export const Tasks = z
  .object({
    tasks: z.array(Task).meta({
      description:
        'transfusions first, the newest in front; then the longest waiting. At most 200 of each kind but ' +
        'issue_unconfirmed: others come up as these are seen to',
    }),
  })
  .meta({ id: 'Tasks' })
