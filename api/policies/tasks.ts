import type { UnconfirmedReason } from '../../schema/vocabulary.ts'

/** What a task asks of whoever reads it: policy, in the words a nurse reads. */
export const cnUnconfirmed: Readonly<
  Record<UnconfirmedReason, { readonly zh: string; readonly en: string }>
> = {
  still_inside: {
    zh: '已发出，但仍在设备内：请取出，或撤销发血',
    en: 'Issued, and seen inside still: take it out, or cancel the issue',
  },
  door_not_opened: {
    zh: '已发出，但门未打开，也未见取出：请查看血袋是否已取走',
    en: 'Issued, but the door did not open and nobody saw it leave: see whether it was taken',
  },
}
