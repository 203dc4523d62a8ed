import type { Jurisdiction } from '../../schema/vocabulary.ts'

/** What is asked of people at the bedside, and where blood is thrown away. */
export type PeopleRule = {
  /** So many must have checked bag and patient before a transfusion begins; each is named. */
  readonly checkers: number
  /** Must another person have seen it, where a bag is thrown away? */
  readonly isDiscardWitnessed: boolean
  readonly source: string
  /** What a transfusion professional has still to confirm. */
  readonly uncertain: readonly (keyof PeopleRule)[]
}

/**
 * 临床输血技术规范 2000: two of the staff check together at the bedside, and both sign; discarded blood is signed for by two.
 * Elsewhere one who is trained may check with a scanner beside them.
 */
export const peopleRules: Readonly<Record<Jurisdiction, PeopleRule>> = {
  CN: {
    checkers: 2,
    isDiscardWitnessed: true,
    source: '临床输血技术规范 2000',
    uncertain: ['isDiscardWitnessed'],
  },
  UK: { checkers: 1, isDiscardWitnessed: false, source: 'BSH 2017', uncertain: ['isDiscardWitnessed'] },
  EU: {
    checkers: 1,
    isDiscardWitnessed: false,
    source: '2005/61/EC',
    uncertain: ['checkers', 'isDiscardWitnessed'],
  },
  US: {
    checkers: 2,
    isDiscardWitnessed: false,
    source: 'NPSG.01.03.01',
    uncertain: ['checkers', 'isDiscardWitnessed'],
  },
}
