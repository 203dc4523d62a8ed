import { answer } from '../ask.ts'

/**
 * Imported before a server whose memory is measured: it collects its garbage when it is asked to, so that what is
 * left is what it holds. Needs `--expose-gc`.
 */
answer(async () => {
  globalThis.gc?.()
  return { collected: globalThis.gc !== undefined }
})
