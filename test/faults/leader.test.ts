import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../api/stores/database.ts'
import { leadAlone } from '../../api/stores/leader.ts'
import { describeOnServer } from '../support/database.ts'
import { failureOf } from '../support/outcomes.ts'
import { startProxy } from './proxy.ts'

describeOnServer('a duty of one process', (url) => {
  test('is given up where the network to the server vanishes, and nobody is told', async () => {
    const there = new URL(url)
    const proxy = await startProxy(Number(there.port || 5432))
    onTestFinished(() => proxy.close())
    there.port = String(proxy.port)
    const database = await openDatabase({ url: there.href })
    onTestFinished(() => database.close())
    const broken = new Error('the work needs the database as well')
    const led = leadAlone(database, 'pack', new AbortController().signal, async () => {
      proxy.cut()
      throw broken
    })
    expect(await failureOf(led)).toBe(broken)
  })
})
