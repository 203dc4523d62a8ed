import type { SignatureMeaning } from '../../schema/vocabulary.ts'

/**
 * What a signature means, in words for people. That an act must be signed at all is no jurisdiction's rule here: 21 CFR 11
 * and 电子签名法 say what an electronic signature must be where one is used, and records law (21 CFR 606.160, 临床输血技术规范
 * 2000) whose. So each facility says which acts it demands one of.
 */
export const meaningWords: Readonly<Record<SignatureMeaning, { readonly zh: string; readonly en: string }>> =
  {
    released: { zh: '放行', en: 'released' },
    hold_released: { zh: '解除隔离', en: 'hold released' },
    emergency_release_authorised: { zh: '批准紧急用血', en: 'emergency release authorised' },
    recall_ordered: { zh: '下令召回', en: 'recall ordered' },
    witnessed: { zh: '见证', en: 'witnessed' },
  }
