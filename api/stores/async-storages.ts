import type { AsyncLocalStorage } from 'node:async_hooks'

/** Where better-auth keeps what it follows its own calls with. */
const known = Symbol.for('better-auth:global')

type Keeper = {
  readonly [known]?: { readonly context: Readonly<Record<string, AsyncLocalStorage<unknown>>> }
}

let underWay = 0

/**
 * Ask better-auth for something, and stop following what everybody else does once it has answered: it enables an
 * AsyncLocalStorage when it is first asked and never lets go, and Node 20 to 22 then run a hook for every promise of the
 * process, scans and readings alike. The next call enables it again by itself.
 */
export async function followed<T>(ask: () => Promise<T>): Promise<T> {
  underWay++
  try {
    return await ask()
  } finally {
    underWay--
    if (underWay === 0)
      for (const storage of Object.values((globalThis as Keeper)[known]?.context ?? {})) storage.disable()
  }
}
