import { findInfluxd, runInfluxQl, startInfluxd } from './influxd.ts'

const database = 'hemotrail'

/** Where telemetry goes besides the database: what the service is told of it, and whoever looks on. */
export type DemoTelemetry = {
  readonly environment: Readonly<Record<string, string>>
  readonly head: readonly string[]
  /** Resolves with the reason should it end by itself. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

/**
 * An InfluxDB of the demo's own, where one is installed that can be started; without one, and whatever goes wrong with
 * it, telemetry is in the database alone.
 *
 * @param home where its files stay
 */
export async function openTelemetry(home: string): Promise<DemoTelemetry> {
  const alone = (why: string): DemoTelemetry => ({
    environment: {},
    head: [`telemetry  in the database alone: ${why}`],
    ended: new Promise(() => {}),
    stop: async () => {},
  })
  const found = findInfluxd()
  if (!found) return alone('no influxd is on the PATH')
  const { binary, version } = found
  if (!version.startsWith('1.'))
    return alone(`the influxd on the PATH is ${version}, and only 1 is started here`)
  try {
    const { url, ended, stop } = await startInfluxd({ binary, home })
    await runInfluxQl(url, `create database ${database}`)
    return {
      environment: { INFLUX_URL: url, INFLUX_DATABASE: database },
      head: [
        `telemetry  InfluxDB ${version} at ${url}, database ${database}; the newest of each probe:`,
        `  curl -sG ${url}/query -H accept:application/csv \\`,
        `    --data-urlencode 'q=select last(celsius) from ${database}..reading group by device, probe'`,
      ],
      ended,
      stop,
    }
  } catch (error) {
    return alone((error as Error).message)
  }
}
