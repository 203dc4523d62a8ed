/**
 * The closed word lists of Hemotrail. The same list feeds zod at the doors, CHECK constraints in the database and
 * the types of the domain, so a word is spelt once.
 */

/** MQTT channels a device publishes on. `status` carries the will and has no sequence number. */
export const upChannels = ['readings', 'door', 'bags', 'power', 'status', 'position', 'replies'] as const
export type UpChannel = (typeof upChannels)[number]

/** MQTT channels a device listens on. */
export const downChannels = ['commands'] as const

/** What a device is told to do: open its door, be heard, tell what it holds, take settings, know what is held. */
export const commandKinds = ['unlock', 'sound', 'inventory', 'configure', 'holdList'] as const
export type CommandKind = (typeof commandKinds)[number]

/** What has become of a command; `expired` is nobody's doing but time's, and a late reply still ends it. */
export const commandStates = ['queued', 'sent', 'replied', 'expired'] as const
export type CommandState = (typeof commandStates)[number]

/** What a device answers to a command. */
export const replyStates = ['done', 'failed', 'refused'] as const
export type ReplyState = (typeof replyStates)[number]

/** What somebody must see to. */
export const taskKinds = [
  'issue_unconfirmed',
  'transfused_against',
  'seen_after_fate',
  'seen_elsewhere',
  'taken_without_issue',
  'taken_unscanned',
  'taken_by_key',
  'emergency_release',
  'glass_broken',
  'incompatible_out',
  'look_back',
  'rescue_to_carry',
  'rescue_overdue',
  'calibration_due',
  'mapping_due',
  'device_unqualified',
  'manual_reading_missing',
  'manual_reading_differs',
  'sequence_hole',
  'alarm_test_due',
  'inside_retired',
  'transfusion_not_ended',
  'bedside_missing',
  'presumed_transfused',
  'journey_overdue',
  'return_to_inspect',
  'reservation_ending',
  'expires_soon',
  'expired_on_shelf',
  'fate_unknown',
  'seal_mismatch',
  'recalled_out',
  'unknown_product',
  'offline_conflict',
  'order_unapproved',
  'order_unfilled',
  'grouping_discrepancy',
  'sample_ending',
  'hl7_refused',
  'transfer_wanted',
  'transfer_to_approve',
  'transfer_to_send',
  'transfer_broken',
] as const
export type TaskKind = (typeof taskKinds)[number]

/** Why an issue is not confirmed: the bag is seen inside still, or no door was opened and nobody saw it leave. */
export const unconfirmedReasons = ['still_inside', 'door_not_opened'] as const
export type UnconfirmedReason = (typeof unconfirmedReasons)[number]

/**
 * What spoke against a transfusion that was written down all the same. `fate_recorded`: the bag was discarded, split, or
 * given to another patient by earlier word. `unchecked`: fewer people checked it at the bedside than must.
 */
export const transfusionFaults = [
  'not_issued',
  'another_patient',
  'held',
  'expired',
  'fate_recorded',
  'unchecked',
  'other',
] as const
export type TransfusionFault = (typeof transfusionFaults)[number]

export const deviceKinds = ['fridge', 'freezer', 'incubator', 'box'] as const
export type DeviceKind = (typeof deviceKinds)[number]

/** What a device is qualified by, in this order: that it is installed, works, and keeps what it must where it stands. */
export const qualificationStages = ['IQ', 'OQ', 'PQ'] as const
export type QualificationStage = (typeof qualificationStages)[number]

/** What came of a qualification, or of a mapping of temperatures. */
export const equipmentResults = ['passed', 'failed'] as const
export type EquipmentResult = (typeof equipmentResults)[number]

export const facilityKinds = ['centre', 'hospital', 'ambulance'] as const
export type FacilityKind = (typeof facilityKinds)[number]

/** How a bag is carried from one device to another: in hands, or in a box by car. */
export const rescueWays = ['foot', 'car'] as const
export type RescueWay = (typeof rescueWays)[number]

/** Why a bag of a failing device is not rescued to another one: the first of these that applies. */
export const rescueRejections = [
  'is_failing',
  'wrong_kind',
  'no_agitation',
  'wrong_profile',
  'retired',
  'unqualified',
  'calibration_overdue',
  'in_alarm',
  'silent',
  'defrosting',
  'mixed_contents',
  'not_measured',
  'out_of_limits',
  'no_way',
  'too_far',
  'too_late',
  'full',
  'reserve_only',
  'room_unknown',
  'places_taken',
] as const
export type RescueRejection = (typeof rescueRejections)[number]

/** How blood is carried: what a box keeps. */
export const boxKinds = ['cold', 'room', 'frozen'] as const
export type BoxKind = (typeof boxKinds)[number]

/** What keeps a bag from being transferred to anybody. */
export const transferObstacles = ['not_issuable', 'reserved', 'cold_chain'] as const
export type TransferObstacle = (typeof transferObstacles)[number]

/** Why a bag does not go where blood is needed: the first of these that holds. */
export const transferRejections = [
  'other_component',
  'own_site',
  ...transferObstacles,
  'expired',
  'group_unconfirmed',
  'incompatible',
  'rhd_positive',
  'high_titre',
  'not_treated',
  'amount_unknown',
  'other_unit',
  'no_way',
  'no_box',
  'box_too_short',
  'too_late',
  'too_short_lived',
  'protected',
  'not_needed',
] as const
export type TransferRejection = (typeof transferRejections)[number]

/** What a plan makes as little of as can be. */
export const transferTiers = [
  'unmet_emergency',
  'unmet_urgent',
  'unmet_routine',
  'reserve',
  'arrival',
  'substitution',
  'carrying',
  'below_target',
  'expiry',
] as const
export type TransferTier = (typeof transferTiers)[number]

/** What speaks for a bag that a plan sends. */
export const transferReasons = [
  'only_source',
  'nearest',
  'nearer_taken',
  'nearer_protected',
  'same_group',
  'substitute',
  'same_box',
  'expires_first',
  'from_reserve',
] as const
export type TransferReason = (typeof transferReasons)[number]

/** What is asked for by one word: templates of `policies/transfer.ts`. */
export const transferPacks = ['mtp'] as const
export type TransferPack = (typeof transferPacks)[number]

/** What has become of a request for blood, by what was accepted for it and where those bags are. */
export const transferRequestStates = ['open', 'planned', 'under_way', 'received', 'cancelled'] as const
export type TransferRequestState = (typeof transferRequestStates)[number]

/**
 * What has become of a bag that was promised to a transfer. `withdrawn`: it was given to another, thrown away, or taken back
 * from its way. `cancelled`: with the transfer.
 */
export const transferBagStates = [
  'promised',
  'dispatched',
  'in_transit',
  'received',
  'refused',
  'lapsed',
  'withdrawn',
  'cancelled',
] as const
export type TransferBagState = (typeof transferBagStates)[number]

/** What has become of a transfer, by its bags. `broken`: none of them comes, and nobody cancelled it. */
export const transferStates = [
  'accepted',
  'approved',
  'dispatched',
  'in_transit',
  'received',
  'partly_received',
  'refused',
  'lapsed',
  'cancelled',
  'broken',
] as const
export type TransferState = (typeof transferStates)[number]

/** What is said of a transfer once it is accepted. */
export const transferVerbs = ['approve', 'cancel'] as const
export type TransferVerb = (typeof transferVerbs)[number]

/** Why a bag near its expiry goes where it is more likely to be used. */
export const rotationReasons = ['seldom_used_here', 'others_before_it', 'makes_room', 'same_journey'] as const
export type RotationReason = (typeof rotationReasons)[number]

/** What a bag on a shelf, or on its way to it, is to whoever counts the stock: the first of these that holds. */
export const stockStandings = [
  'expired',
  'held',
  'coming',
  'waiting',
  'special',
  'unproven',
  'promised',
  'reserved',
  'ready',
] as const
export type StockStanding = (typeof stockStandings)[number]

/** How short blood of a kind is, the worst in front. Unknown is not green. */
export const shortagePhases = ['red', 'amber', 'unknown', 'green'] as const
export type ShortagePhase = (typeof shortagePhases)[number]

/** Which rule a phase is by. */
export const shortageReasons = [
  'at_critical',
  'few_days_red',
  'below_minimum',
  'few_days_amber',
  'minimum_kept',
  'days_enough',
  'nothing_to_go_by',
] as const
export type ShortageReason = (typeof shortageReasons)[number]

/** Of what is asked for, what a site can give now. */
export const servings = ['all', 'part', 'none'] as const
export type Serving = (typeof servings)[number]

/** What speaks for the device a bag is rescued to, and what is to be known of it. */
export const rescueReasons = [
  'only_choice',
  'nearest',
  'nearer_taken',
  'nearer_not_clean',
  'clean_record',
  'record_not_clean',
  'other_facility',
  'by_car',
] as const
export type RescueReason = (typeof rescueReasons)[number]

/** Why a bag stays in a failing device: it is lost already, no device will do, or others came first. */
export const rescueStays = ['spent', 'expired', 'no_device', 'places_taken'] as const
export type RescueStay = (typeof rescueStays)[number]

/** Who counts on a bag: a patient it is kept for, or whoever bleeds next. */
export const rescueClaims = ['reserved', 'emergency_stock'] as const
export type RescueClaim = (typeof rescueClaims)[number]

/** What has become of a bag that is to be carried out of a failing device. */
export const rescueMoveStates = ['intended', 'arrived', 'abandoned'] as const
export type RescueMoveState = (typeof rescueMoveStates)[number]

/** Where a probe sits: in the circulating air, in a buffered load that behaves like a bag, or outside the container. */
export const probeKinds = ['air', 'load', 'ambient'] as const
export type ProbeKind = (typeof probeKinds)[number]

/**
 * Why a container is too warm or its probes are not to be believed: a door stood open, cold is no longer made or comes to
 * nothing, there is no mains, a probe shows what cannot be, nothing is heard. `unknown` where the facts do not settle it.
 */
export const causes = ['door', 'cooling', 'power', 'probe', 'silence', 'unknown'] as const
export type Cause = (typeof causes)[number]

/** What decided for a cause, or kept any from being named. */
export const causeSigns = [
  'nothing_heard',
  'one_probe_silent',
  'beyond_physics',
  'impossible_step',
  'flat_line',
  'probes_disagree',
  'fast_rise',
  'one_reading',
  'load_lags',
  'recovering',
  'door_open',
  'door_was_open',
  'door_was_shut',
  'slow_rise',
  'load_follows',
  'compressor_rests',
  'compressor_runs',
  'mains_off',
  'battery_drains',
  'still_cycles',
  'within_limits',
  'too_cold',
  'near_usual',
  'too_little_known',
  'contradiction',
] as const
export type CauseSign = (typeof causeSigns)[number]

/**
 * What no working probe shows: one value for too long, or a step faster than it can follow; and what no two of them in one
 * container show, a load that the air contradicts.
 */
export const probeFaultKinds = ['stuck', 'implausible', 'contradicted'] as const
export type ProbeFaultKind = (typeof probeFaultKinds)[number]

/** Which limit an excursion crossed. */
export const sides = ['low', 'high'] as const
export type Side = (typeof sides)[number]

/**
 * What an alarm is about: a load or air probe beyond its limits, a load foretold to be so soon, a device that went silent,
 * one of its probes that did while it is heard, or is not to be believed, a door, the power; a bag that is out of
 * controlled storage for nearly as long as it may be, or longer, or was not given in time; bags on their way for longer than
 * a journey may take; a bag that was issued and of which the bedside has said nothing; one that was taken although somebody
 * was to be called first, or by key from a device whose door is opened by a scan; one that is out, or being given, and was
 * found since not to fit its patient.
 */
export const alarmKinds = [
  'load_high',
  'load_low',
  'air_high',
  'air_low',
  'load_high_soon',
  'load_low_soon',
  'silent',
  'probe_missing',
  'probe_stuck',
  'probe_implausible',
  'probes_disagree',
  'door_open',
  'mains_lost',
  'battery_low',
  'agitator_stopped',
  'bag_out_soon',
  'bag_out',
  'transfusion_late',
  'transit_overdue',
  'bedside_missing',
  'glass_broken',
  'taken_by_key',
  'incompatible_out',
] as const
export type AlarmKind = (typeof alarmKinds)[number]

/** How much an alarm asks for: to be looked at, to be mended before anything is known, to act at once. */
export const alarmClasses = ['alert', 'fault', 'action'] as const
export type AlarmClass = (typeof alarmClasses)[number]

/**
 * What happens in the case of an alarm. Only a person acknowledges, comments and closes. `unstaffed`: nobody was on duty
 * for a step. `undelivered`: a notice could not be delivered to who was. `muted`: nobody is paged while it is defrosted.
 * `moved`: its device stands elsewhere by now, and others are told. `retired`: its device was revoked while it lasted.
 */
export const alarmVerbs = [
  'raised',
  'explained',
  'worsened',
  'ended',
  'began_again',
  'escalated',
  'unstaffed',
  'undelivered',
  'muted',
  'moved',
  'retired',
  'acknowledged',
  'commented',
  'closed',
] as const
export type AlarmVerb = (typeof alarmVerbs)[number]

/** Who is paged in turn while nobody acknowledges an alarm. */
export const escalationSteps = ['ward', 'transfusion_lab', 'duty_manager', 'blood_centre'] as const
export type EscalationStep = (typeof escalationSteps)[number]

/** What a person may sign, and must where its facility demands it. */
export const signedActs = ['release', 'lift_hold', 'emergency_release', 'recall', 'witness_discard'] as const
export type SignedAct = (typeof signedActs)[number]

/** What a signature means (21 CFR 11.50(a)(3)). */
export const signatureMeanings = [
  'released',
  'hold_released',
  'emergency_release_authorised',
  'recall_ordered',
  'witnessed',
] as const
export type SignatureMeaning = (typeof signatureMeanings)[number]

/** The two components a signature was executed with (21 CFR 11.200(a)(1)). */
export const signatureComponents = ['badge_and_pin', 'username_and_password'] as const
export type SignatureComponents = (typeof signatureComponents)[number]

/** How a person is told: by e-mail, or by a gateway that is called, for telephones. */
export const noticeChannels = ['email', 'webhook'] as const
export type NoticeChannel = (typeof noticeChannels)[number]

/** What became of an attempt to deliver: one that failed is not the last. */
export const attemptOutcomes = ['delivered', 'failed', 'given_up'] as const
export type AttemptOutcome = (typeof attemptOutcomes)[number]

/** Why an excursion ended: a reading inside, a reading beyond the other limit, or the last reading before a gap. */
export const excursionEnds = ['inside', 'other_side', 'gap'] as const
export type ExcursionEnd = (typeof excursionEnds)[number]

export const deviceStates = ['online', 'offline'] as const
export type DeviceStatus = (typeof deviceStates)[number]

/** How an observation of a bag's place came to us, strongest evidence first. */
export const sightingSources = ['rfid', 'scan', 'manual'] as const
export type SightingSource = (typeof sightingSources)[number]

/** What was seen of a tag: it entered, it left, or it was there. */
export const sightingKinds = ['added', 'removed', 'seen'] as const
export type SightingKind = (typeof sightingKinds)[number]

/** Where a bag is: inside a device, in somebody's hands since it left one, or not known since it was last seen there. */
export const placeStates = ['inside', 'in_hand', 'unknown'] as const
export type PlaceState = (typeof placeStates)[number]

/** Why a message or one of its elements was rejected. */
export const rejectionCodes = [
  'unreadable',
  'bad_element',
  'not_finite',
  'out_of_physical_range',
  'before_in_service',
  'too_far_ahead',
  'seq_reused',
  'refused_by_database',
] as const
export type RejectionCode = (typeof rejectionCodes)[number]

/** Files of recorded loggers that can be imported: readings one by one, or a summary of each day. */
export const loggerFormats = ['ruuvi_csv', 'berlinger_text'] as const
export type LoggerFormat = (typeof loggerFormats)[number]

/** Why a device's clock is not believed. */
export const clockFaultKinds = ['offset', 'step'] as const
export type ClockFaultKind = (typeof clockFaultKinds)[number]

/** Where a bag is in its life, from the arm to its fate. */
export const bagStates = [
  'collected',
  'processed',
  'quarantined',
  'available',
  'distributed',
  'in_transit',
  'arrived',
  'issued',
  'returned',
  'transfused',
  'discarded',
] as const
export type BagState = (typeof bagStates)[number]

/** What is done to a bag. */
export const bagVerbs = [
  'process',
  'test',
  'release',
  'reserve',
  'unreserve',
  'distribute',
  'recall_shipment',
  'depart',
  'arrive',
  'receive',
  'refuse',
  'issue',
  'cancel_issue',
  'transfuse',
  'start_transfusion',
  'end_transfusion',
  'interrupt_transfusion',
  'report_reaction',
  'return',
  'reinstate',
  'discard',
] as const
export type BagVerb = (typeof bagVerbs)[number]

/** What is told of a transfusion: the whole of it in one word, or its parts as they are observed. */
export const transfusionVerbs = [
  'transfuse',
  'start_transfusion',
  'end_transfusion',
  'interrupt_transfusion',
  'report_reaction',
] as const satisfies readonly BagVerb[]
export type TransfusionVerb = (typeof transfusionVerbs)[number]

/**
 * What is known of the use of a bag, in the words of HL7 tables 0513 and 0510: `TS` begun, `TX` given, `TI` interrupted, `TR`
 * given with a reaction, `RA` came back, `RL` came back and is kept for its patient, `WA` wasted, `DS` handed out, `PT` handed
 * out so long ago that it is presumed given: a state of knowledge, and no fate.
 */
export const dispositions = ['TS', 'TX', 'TI', 'TR', 'RA', 'RL', 'WA', 'DS', 'PT'] as const
export type Disposition = (typeof dispositions)[number]

/** What the observations of one transfusion contradict each other in. */
export const transfusionContradictions = [
  'ended_before_start',
  'two_starts',
  'two_patients',
  'two_volumes',
] as const
export type TransfusionContradiction = (typeof transfusionContradictions)[number]

/** Why a bag is thrown away, and how. */
export const discardReasons = [
  'expired',
  'kept_wrongly',
  'damaged',
  'looks_wrong',
  'reactive',
  'recalled',
  'returned_unused',
  'not_found',
  'spent_in_part',
  'other',
] as const
export type DiscardReason = (typeof discardReasons)[number]
export const discardMethods = [
  'medical_waste',
  'autoclaved',
  'incinerated',
  'sent_back',
  'none_left',
] as const
export type DiscardMethod = (typeof discardMethods)[number]

/** What is looked at on a bag that comes in or comes back, and what was found. */
export const inspectionChecks = ['closure', 'segment', 'colour', 'leak', 'label'] as const
export type InspectionCheck = (typeof inspectionChecks)[number]
export const inspectionOccasions = ['receipt', 'return', 'stock'] as const
export type InspectionOccasion = (typeof inspectionOccasions)[number]

/** Where a bag stands in being traced: it has a fate, all is in order so far, or one worklist has it; or none of that. */
export const standings = [
  'fate',
  'in_stock',
  'in_use',
  'under_way',
  'fate_unknown',
  'expired_on_shelf',
  'return_to_inspect',
  'presumed_transfused',
  'bedside_missing',
  'journey_overdue',
  'rest',
] as const
export type Standing = (typeof standings)[number]

/**
 * Why a bag is held. Those of the first line only a person lifts, and only with another's word. `unknown_product`: the
 * catalogue does not know its code; only that it does lifts it.
 */
export const holdKinds = [
  'recall',
  'breach',
  'look_back',
  'test_reactive',
  'group_mismatch',
  'visual',
  'unverified_gap',
  'allowance',
  'unknown_product',
  'other',
] as const
export type HoldKind = (typeof holdKinds)[number]

/**
 * What the bags of a recall have in common: a donor, a donation, a lot they were made with, a device or a box they were in,
 * a bag they were made of, or donors whose blood one patient was given.
 */
export const recallScopes = ['donor', 'donation', 'lot', 'device', 'box', 'bag', 'patient'] as const
export type RecallScope = (typeof recallScopes)[number]

/** What the holds of a recall are. */
export const recallKinds = ['recall', 'look_back'] as const satisfies readonly HoldKind[]
export type RecallKind = (typeof recallKinds)[number]

/** A recall that is closed keeps its holds, and reaches no more bags; one that is lifted holds none any more. */
export const recallStates = ['open', 'closed', 'lifted'] as const
export type RecallState = (typeof recallStates)[number]

/** Where a bag of a recall is: inside a device, in no device or on its way, given to a patient, or no more. */
export const recallWheres = ['inside', 'out', 'given', 'ended'] as const
export type RecallWhere = (typeof recallWheres)[number]

/** What a bag is made with that has a lot number. */
export const lotKinds = ['bag_set', 'additive', 'reagent', 'processing'] as const
export type LotKind = (typeof lotKinds)[number]

/**
 * What a stretch of a bag's life was in which it was not measured within its limits, or was on a journey; `probe_fault`
 * where the probe that speaks for it told nothing else and is not to be believed.
 */
export const entryKinds = [
  'low',
  'high',
  'unverified',
  'probe_fault',
  'unknown_place',
  'unseen',
  'in_hand',
  'journey',
] as const
export type EntryKind = (typeof entryKinds)[number]

/** What becomes of a bag by how it was kept, the worst last. */
export const verdicts = ['OK', 'UNVERIFIED', 'HOLD', 'BREACHED'] as const
export type Verdict = (typeof verdicts)[number]

/** Why a stretch counts for what it does. */
export const ledgerReasons = [
  'released',
  'vouched_for',
  'in_hands',
  'in_hands_too_long',
  'on_journey',
  'journey_too_long',
  'place_unknown',
  'unheard',
  'unheard_too_long',
  'nothing_will_come',
  'probe_fault',
  'probe_fault_stands',
  'within_allowance',
  'outside_limits',
] as const
export type LedgerReason = (typeof ledgerReasons)[number]

/** What may speak against handing a bag out. The first that applies, by rank, is the answer to a scan. */
export const findings = [
  'unknown_bag',
  'recalled',
  'unknown_product',
  'special_label',
  'not_grouped',
  'group_discrepancy',
  'wrong_group',
  'group_unconfirmed',
  'crossmatch_incompatible',
  'antigen_positive',
  'label_differs',
  'not_released',
  'not_in_stock',
  'expired',
  'out_of_range',
  'held',
  'unverified',
  'seen_elsewhere',
  'uncontrolled_too_long',
  'reserved_for_another',
  'rhd_override_missing',
  'crossmatch_least_incompatible',
  'requirement_unmet',
  'antigen_unknown',
  'crossmatch_missing',
  'crossmatch_expired',
  'no_valid_sample',
  'order_ended',
  'order_filled',
  'order_differs',
  'second_checker_missing',
  'patient_unknown',
  'list_stale',
  'list_unusable',
] as const
export type Finding = (typeof findings)[number]

/**
 * What else may be wrong with what a terminal decided without the network: the bag was handed out by other word, belongs to
 * another facility, the list was none of ours, that list gave no such answer, or the time cannot be right.
 */
export const offlineFaults = [
  'issued_elsewhere',
  'foreign_bag',
  'list_unknown',
  'answer_differs',
  'time_doubtful',
] as const
export type OfflineFault = (typeof offlineFaults)[number]
/** What may speak against a decision once it is told. */
export type OfflineConflict = Finding | OfflineFault

/** What is signed for a terminal: what is held and may be handed out, and whom it may be for. */
export const offlineDocuments = ['holds', 'patients'] as const
export type OfflineDocument = (typeof offlineDocuments)[number]

/** Why the issue of a bag is looked at afterwards: it was for an emergency, or in spite of what somebody was to be asked. */
export const reviewReasons = ['emergency_release', 'glass_broken'] as const
export type ReviewReason = (typeof reviewReasons)[number]

/** What a crossmatch with the bag found afterwards; `not_possible` where no sample from before it was to be had. */
export const lateCrossmatches = ['compatible', 'incompatible', 'not_possible'] as const
export type LateCrossmatch = (typeof lateCrossmatches)[number]

export const sexes = ['female', 'male'] as const
export type Sex = (typeof sexes)[number]
/** Who numbers bags: ISBT 128, or a station in a way of its own that its barcode profile tells. */
export const unitSchemes = ['ISBT128', 'cn_local'] as const
export type UnitScheme = (typeof unitSchemes)[number]

/** What a stretch of a station's own barcode names, and what it is made of; `upper` is capital letters and digits. */
export const codeParts = ['donation', 'product', 'other'] as const
export type CodePart = (typeof codeParts)[number]
export const characterClasses = ['digits', 'letters', 'upper', 'alphanumeric'] as const
export type CharacterClass = (typeof characterClasses)[number]

/** What every donation is tested for before a bag of it is released. */
export const markers = ['hbsag', 'anti_hcv', 'hiv', 'syphilis', 'nat'] as const
export type Marker = (typeof markers)[number]

/** What a person may do hangs on these, each held for one facility or for all. */
export const roles = [
  'centre',
  'transfusion_lab',
  'nurse',
  'courier',
  'regulator',
  'engineer',
  'administrator',
  'physician',
  'senior_physician',
  'department_head',
  'medical_affairs',
] as const
export type Role = (typeof roles)[number]

/** Whose word an order of blood may need besides that of the physician who orders, each after the one before it. */
export const grades = [
  'senior_physician',
  'department_head',
  'medical_affairs',
] as const satisfies readonly Role[]
export type Grade = (typeof grades)[number]

/** How soon blood is needed. For an emergency it is handed out first, and approved afterwards. */
export const urgencies = ['routine', 'urgent', 'emergency'] as const
export type Urgency = (typeof urgencies)[number]

/** What blood is ordered for. What it is in this patient is said in words besides. */
export const indications = [
  'haemorrhage',
  'surgery',
  'anaemia',
  'thrombocytopenia',
  'coagulopathy',
  'obstetric',
  'neonatal',
  'plasma_exchange',
  'infection',
  'other',
] as const
export type Indication = (typeof indications)[number]

/** What becomes of an order: of what may be handed out, some or all has been. */
export const orderStates = [
  'requested',
  'approved',
  'partly_filled',
  'filled',
  'rejected',
  'cancelled',
] as const
export type OrderState = (typeof orderStates)[number]
export const orderVerbs = ['approve', 'reject', 'cancel'] as const
export type OrderVerb = (typeof orderVerbs)[number]

/** How a patient's group was determined. */
export const groupingMethods = ['tube', 'gel', 'slide', 'automated'] as const
export type GroupingMethod = (typeof groupingMethods)[number]

/** Why a patient's sample is not relied on. */
export const sampleRejections = [
  'mislabelled',
  'unlabelled',
  'wrong_patient',
  'haemolysed',
  'clotted',
  'too_little',
  'wrong_tube',
  'too_old',
  'other',
] as const
export type SampleRejection = (typeof sampleRejections)[number]

/** Antigens of red cells besides A, B and D. Case is meant: C and c are two. */
export const antigens = [
  ...(['C', 'c', 'E', 'e', 'Cw', 'K', 'k', 'Kpa', 'Fya', 'Fyb', 'Jka', 'Jkb', 'S', 's', 'M', 'N'] as const),
  ...(['Mia', 'Dia', 'Lea', 'Leb', 'P1', 'Lua'] as const),
] as const
export type Antigen = (typeof antigens)[number]

/** Against what a patient's antibody is. `unidentified`: something was found, and nobody knows what. */
export const specificities = ['D', ...antigens, 'autoantibody', 'unidentified', 'other'] as const
export type Specificity = (typeof specificities)[number]

/** What is known of the blood of a donation besides its group: antigens, or antibodies against cytomegalovirus. */
export const unitTraits = [...antigens, 'cmv_antibody'] as const
export type UnitTrait = (typeof unitTraits)[number]

/** What a patient needs of every bag, or of every crossmatch. */
export const requirements = ['irradiated', 'washed', 'cmv_negative', 'serological_crossmatch'] as const
export type Requirement = (typeof requirements)[number]

/** How it was found out that a bag fits a patient: cells met serum, or what is on record of both left no doubt. */
export const crossmatchMethods = ['serological', 'electronic'] as const
export type CrossmatchMethod = (typeof crossmatchMethods)[number]
export const crossmatchResults = ['compatible', 'least_incompatible', 'incompatible'] as const
export type CrossmatchResult = (typeof crossmatchResults)[number]

/** Why a bag is not crossmatched by what is on record alone. */
export const electronicObstacles = [
  'not_accepted',
  'excluded',
  'group_discrepancy',
  'group_unconfirmed',
  'sample_not_valid',
  'sample_not_grouped',
  'not_screened',
  'screen_positive',
  'antibody_history',
  'bag_does_not_fit',
  'incompatible_before',
] as const
export type ElectronicObstacle = (typeof electronicObstacles)[number]

export const abos = ['O', 'A', 'B', 'AB'] as const
export type Abo = (typeof abos)[number]

export const rhds = ['positive', 'negative'] as const
export type Rhd = (typeof rhds)[number]

/** What is kept in a way of its own is a component of its own: what is thawed is not what was frozen. */
export const components = [
  'red_cells',
  'plasma',
  'platelets',
  'cryoprecipitate',
  'whole_blood',
  'thawed_plasma',
  'thawed_cryoprecipitate',
  'frozen_red_cells',
  'granulocytes',
] as const
export type Component = (typeof components)[number]

/** What is ordered for a patient: what it is thawed into is not a matter of the order. */
export const orderedComponents = [
  'red_cells',
  'whole_blood',
  'plasma',
  'platelets',
  'cryoprecipitate',
  'granulocytes',
] as const satisfies readonly Component[]
export type OrderedComponent = (typeof orderedComponents)[number]

/** How bags are made of bags. */
export const processes = ['separate', 'split', 'pool', 'wash', 'irradiate', 'thaw'] as const
export type Process = (typeof processes)[number]

/** What bags are counted in: units (in China of 200 mL whole blood), millilitres, or doses. */
export const unitsOfMeasure = ['U', 'mL', 'dose'] as const
export type UnitOfMeasure = (typeof unitsOfMeasure)[number]

/** Hours count from a moment, days to the end of a day of the calendar where the bag is. */
export const shelfLifeUnits = ['hours', 'days'] as const
export type ShelfLifeUnit = (typeof shelfLifeUnits)[number]

/** Since when a product keeps for its shelf life: since the donor gave, or since it was made. */
export const shelfLifeStarts = ['collection', 'modification'] as const
export type ShelfLifeStart = (typeof shelfLifeStarts)[number]

/** What two people approve before it is in force. */
export const proposalKinds = ['policy', 'product'] as const
export type ProposalKind = (typeof proposalKinds)[number]

/** The part of a bag's life a policy speaks of. */
export const phases = ['storage', 'transport', 'in_hand'] as const
export type Phase = (typeof phases)[number]

export const jurisdictions = ['CN', 'UK', 'EU', 'US'] as const
export type Jurisdiction = (typeof jurisdictions)[number]

/** May what was issued and not given be used for another: never, if it came back in time, or if its cold is shown? */
export const returnPolicies = ['none', 'timed', 'temperature_proven'] as const
export type ReturnPolicy = (typeof returnPolicies)[number]

/** What is said of a proposed policy, and what has become of it. */
export const policyDecisions = ['approve', 'reject'] as const
export type PolicyDecision = (typeof policyDecisions)[number]
export const proposalStates = ['pending', 'approved', 'rejected'] as const
export type ProposalState = (typeof proposalStates)[number]

/** What kind of party caused a write. */
export const actorKinds = ['person', 'device', 'job', 'integration'] as const
