import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import type { Reporter, Vitest } from 'vitest/node'

let vitest: Vitest

/** The usual reporter only counts what is skipped. The names say why; with -t whatever does not match is skipped. */
const skippedAloud: Reporter = {
  onInit(started) {
    vitest = started
  },
  onTestRunEnd(modules) {
    if (vitest.getGlobalTestNamePattern()) return
    for (const module of modules)
      for (const test of module.children.allTests('skipped'))
        process.stdout.write(`skipped: ${module.relativeModuleId} > ${test.fullName}\n`)
  },
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Tests wait for servers and processes more than they compute: two at a time also where there are two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: ['default', skippedAloud],
  },
})
