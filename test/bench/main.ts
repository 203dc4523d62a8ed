import { alarm } from './alarm.ts'
import { chaos } from './chaos.ts'
import { city } from './city.ts'
import { connections } from './connections.ts'
import { ingest } from './ingest.ts'
import { issue } from './issue.ts'
import { lateData } from './late-data.ts'
import { recall } from './recall.ts'
import { telemetrySize } from './telemetry-size.ts'
import { trace } from './trace.ts'
import { transfer } from './transfer.ts'
import { windowBench } from './window.ts'

/** Each bench returns its figures; `ok` false where what was acknowledged is not there. */
const benches: Record<string, () => Promise<Record<string, unknown>>> = {
  ingest,
  connections,
  'late-data': lateData,
  issue,
  'telemetry-size': telemetrySize,
  window: windowBench,
  city,
  chaos,
  alarm,
  recall,
  trace,
  transfer,
}

const [name = ''] = process.argv.slice(2)
const bench = benches[name]
if (!bench) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join(' | ')}`)
  process.exit(2)
}
const figures = await bench()
console.log(JSON.stringify(figures))
process.exit(figures.ok === false ? 1 : 0)
