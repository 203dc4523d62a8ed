import { pino } from 'pino'
import { startService } from '../../../api/compose.ts'
import { readConfig } from '../../../api/config.ts'

/** The whole service, as `npm start` would run it, on free ports; `port` is the one with TLS where there is one. */
const service = await startService(
  readConfig({ ...process.env, HTTP_PORT: '0', MQTT_PORT: '0', LOG_LEVEL: 'warn' }),
  {
    log: pino({ level: 'warn' }),
  },
)
const { mqtt, mqtts } = service.broker.urls
process.send?.({ port: Number(new URL((mqtts ?? mqtt) as string).port), url: service.url })
process.on('SIGTERM', () => void service.close().then(() => process.exit(0)))
