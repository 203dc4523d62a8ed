import type { AlarmClass, AlarmKind, EscalationStep } from '../../schema/vocabulary.ts'
import { adviceWords, alarmWords, classWords, stepWords } from './alarms.ts'
import { deviceWords } from './device-words.ts'

/** What a notice is about: one thing that is wrong with one or more devices, or with bags. No patient is known here. */
export type NoticeFacts = {
  readonly facility: { readonly code: string; readonly name: string }
  readonly step: EscalationStep
  readonly kind: AlarmKind
  readonly class: AlarmClass
  readonly alarms: readonly number[]
  readonly devices: readonly {
    readonly alarm: number
    readonly device: string
    /** What people call it, where not by its name. */
    readonly label?: string
    readonly part: string
  }[]
  /** As people name them. */
  readonly bags: readonly string[]
  /** Since when, by the clock on the wall of the facility: `2020-05-06 20:00`. */
  readonly since: string
}

export type NoticeWords = { readonly subject: string; readonly text: string }

/** What, where, since when, how bad, and what to do: for whoever is woken at night. */
export function noticeWords(facts: NoticeFacts): { readonly zh: NoticeWords; readonly en: NoticeWords } {
  const { facility, step, kind, class: graveness, devices, bags, since } = facts
  const named = devices.map(({ device, label, part }) => {
    const words = deviceWords(device, label)
    return part ? `${words} (${part})` : words
  })
  const names = [...named, ...bags]
  const wordsIn = (language: 'zh' | 'en', comma: string) => ({
    names: names.join(comma),
    alarms: facts.alarms.join(comma),
    what: alarmWords[kind][language],
    bad: classWords[graveness][language],
    advice: adviceWords[kind][language],
    to: stepWords[step][language],
  })
  // The text names every one.
  const isMany = names.length > 3
  const [things, sort] = bags.length > 0 ? ['袋血', '血袋'] : ['台设备', '设备']
  const zh = wordsIn('zh', '、')
  const en = wordsIn('en', ', ')
  return {
    zh: {
      subject: `${zh.what}：${facility.name} ${isMany ? `${names.length} ${things}` : zh.names}`,
      text: [
        `情况：${zh.what}`,
        `地点：${facility.name}（${facility.code}），${sort} ${zh.names}`,
        `开始：${since}（当地时间）`,
        `级别：${zh.bad}`,
        `处理：${zh.advice}`,
        `报警编号：${zh.alarms}。通知对象：${zh.to}。请在系统中确认；无人确认将通知下一级。`,
      ].join('\n'),
    },
    en: {
      subject: `${en.what}: ${facility.name}, ${isMany ? `${names.length} ${bags.length > 0 ? 'bags' : 'devices'}` : en.names}`,
      text: [
        `What: ${en.what}`,
        `Where: ${facility.name} (${facility.code}), ${en.names}`,
        `Since: ${since}, local time`,
        `How bad: ${en.bad}`,
        `What to do: ${en.advice}`,
        `Alarm ${en.alarms}, told to ${en.to}. Acknowledge it, or the next in turn is told.`,
      ].join('\n'),
    },
  }
}
