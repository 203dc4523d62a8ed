import fc from 'fast-check'
import type { BerlingerLog, LoggedDay } from '../../schema/loggers/berlinger-text.ts'

export type Print = {
  readonly unit?: 'C' | 'F'
  readonly newline?: '\n' | '\r\n'
  readonly indent?: ' ' | '\t'
}

const signature = '0123456789abcdef'.repeat(8)

/** The text export a Fridge-tag with these days would write. Degrees are written with two decimals. */
export function printBerlinger(log: BerlingerLog, print: Print = {}): string {
  const { unit = 'C', newline = '\n', indent = ' ' } = print
  const degrees = (celsius: number | null) => {
    if (celsius === null) return '---'
    const shown = unit === 'F' ? (celsius * 9) / 5 + 32 : celsius
    return `${shown < 0 ? '-' : '+'}${Math.abs(shown).toFixed(2)}`
  }
  const orDashes = (value: string | number | null) => value ?? '---'
  const limits = log.days[0]?.alarms ?? []
  const lines = [
    `Device: ${log.model}`,
    'Vers: 0.5',
    'Fw Vers: 4.0p1o',
    'Sensor: 1',
    'Conf:',
    ` Serial: ${log.serial}`,
    ' PCB: BG0000000000',
    ' CID: 1',
    ' Lot: 1_2_3',
    ' Zone: 0.00',
    ' Measurement delay: 10',
    ' Moving Avrg: 1',
    ' User Alarm Config: 0',
    ' User Clock Config: 1',
    ' Alarm Indication: 0',
    ` Temp unit: ${unit}`,
    ' Alarm:',
    ...limits.flatMap(({ limitCelsius, allowedMinutes }, index) => [
      `  ${index}:`,
      `   T AL: ${degrees(limitCelsius)}, t AL: ${orDashes(allowedMinutes)}`,
    ]),
    ' Int Sensor:',
    '  Timeout: 1, Offset: +0.0',
    ' Report history length: 60',
    ' Det Report: 19',
    ' Use ext devices: 0',
    ' Test Res: 1, Test TS: 2019-02-02 06:57',
    'Hist:',
    ' TS Actv: 2020-01-01 09:30',
    ` TS Report Creation: ${log.reportedAt}`,
    ...log.days.flatMap((day, index) => [
      ` ${index + 1}:`,
      ...printDay(day, degrees).map((line) => `  ${line}`),
    ]),
    'Cert:',
    ' Vers: 1.0',
    ' Lot: 1_2_3',
    ' Issuer: Somebody, Inc. & Co.',
    ' Valid from: 2019-08-21 07:39',
    ' Owner: Somebody, Inc. & Co.',
    ` Public Key: ${signature}`,
    `Sig Cert: ${signature}`,
    `Sig: ${signature}`,
    '',
  ]
  return lines.map((line) => line.replace(/^ +/, (spaces) => indent.repeat(spaces.length))).join(newline)
}

function printDay(day: LoggedDay, degrees: (celsius: number | null) => string): string[] {
  const orDashes = (value: string | null) => value ?? '---'
  return [
    `Date: ${day.date}`,
    `Min T: ${degrees(day.coldest)}, TS Min T: ${orDashes(day.coldestAt)}`,
    `Max T: ${degrees(day.warmest)}, TS Max T: ${orDashes(day.warmestAt)}`,
    `Avrg T: ${degrees(day.mean)}`,
    'Alarm:',
    ...day.alarms.flatMap(({ minutes, at }, index) => [
      ` ${index}:`,
      `  t Acc: ${minutes}${at === null ? '' : `, TS A: ${at}, C A: 0`}`,
    ]),
    ...(day.externalTimeoutMinutes === null
      ? []
      : ['Ext Sensor timeout:', ` t AccST: ${day.externalTimeoutMinutes}, TS ST: 15:04`]),
    'Int Sensor timeout:',
    ` t AccST: ${day.timeoutMinutes}`,
    'Events: 8',
    'Checked:',
    ' TS AM: 07:20',
  ]
}

/** A dull day of a vaccine fridge. */
export function aLoggedDay(date: string, changes: Partial<LoggedDay> = {}): LoggedDay {
  return {
    line: 0,
    date,
    coldest: 3.2,
    coldestAt: '03:10',
    warmest: 4.9,
    warmestAt: '14:05',
    mean: 4.1,
    alarms: [
      { limitCelsius: -0.5, allowedMinutes: 60, minutes: 0, at: null },
      { limitCelsius: 8, allowedMinutes: 600, minutes: 0, at: null },
    ],
    timeoutMinutes: 0,
    externalTimeoutMinutes: null,
    ...changes,
  }
}

export function aBerlingerLog(days: readonly LoggedDay[], changes: Partial<BerlingerLog> = {}): BerlingerLog {
  return {
    model: 'Q-tag Fridge-tag 2',
    serial: '160400000001',
    reportedAt: '2020-05-06 11:30',
    days,
    unknownKeys: 0,
    ...changes,
  }
}

const celsius = fc.integer({ min: -9_000, max: 9_999 }).map((centi) => centi / 100 + 0)
const clockTime = fc
  .integer({ min: 0, max: 1_439 })
  .map((minute) => new Date(minute * 60_000).toISOString().slice(11, 16))
const minutes = fc.integer({ min: 0, max: 1_440 })
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 4 })

function loggedDay(limits: readonly Pick<LoggedDay['alarms'][number], 'limitCelsius' | 'allowedMinutes'>[]) {
  const { length } = limits
  return fc
    .record({
      date: fc
        .date({ min: new Date('2019-12-01'), max: new Date('2020-05-31'), noInvalidDate: true })
        .map((date) => date.toISOString().slice(0, 10)),
      range: orNull(fc.tuple(celsius, celsius).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)),
      coldestAt: orNull(clockTime),
      warmestAt: orNull(clockTime),
      mean: orNull(celsius),
      alarmed: fc.array(fc.record({ minutes, at: orNull(clockTime) }), {
        minLength: length,
        maxLength: length,
      }),
      timeoutMinutes: minutes,
      externalTimeoutMinutes: orNull(minutes),
    })
    .map(({ range, alarmed, ...day }) => ({
      ...day,
      line: 0,
      coldest: range?.[0] ?? null,
      warmest: range?.[1] ?? null,
      alarms: alarmed.map((alarm, index) => ({
        ...(limits[index] as (typeof limits)[number]),
        ...alarm,
      })),
    }))
}

/** Any log a Fridge-tag may have written. */
export const berlingerLog: fc.Arbitrary<BerlingerLog> = fc
  .array(
    fc.record({ limitCelsius: orNull(celsius), allowedMinutes: orNull(fc.integer({ min: 0, max: 9_999 })) }),
    {
      maxLength: 5,
    },
  )
  .chain((limits) =>
    fc.record({
      model: fc.constantFrom('Q-tag Fridge-tag 2', 'Q-tag Fridge-tag 2 L', 'Q-tag Fridge-tag Ultra Low'),
      serial: fc.stringMatching(/^[0-9]{6,12}$/),
      reportedAt: clockTime.map((time) => `2020-05-06 ${time}`),
      days: fc.uniqueArray(loggedDay(limits), { selector: ({ date }) => date, minLength: 1, maxLength: 8 }),
      unknownKeys: fc.constant(0),
    }),
  )
