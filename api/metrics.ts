import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export type Metrics = ReturnType<typeof createMetrics>

/** The counters of one service. A registry of its own, so that several services can live in one process. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    messages: new Counter({
      name: 'hemotrail_messages_total',
      help: 'Device messages acknowledged, by what became of them',
      labelNames: ['outcome'] as const,
      registers,
    }),
    readings: new Counter({ name: 'hemotrail_readings_total', help: 'Readings stored', registers }),
    commitSeconds: new Histogram({
      name: 'hemotrail_ingest_commit_seconds',
      help: 'Batches stored, and the time each took from being taken up to its commit',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    brokerEvents: new Counter({
      name: 'hemotrail_broker_events_total',
      help: 'Connections made, ended and refused, and packets turned away',
      labelNames: ['event'] as const,
      registers,
    }),
    connections: new Gauge({
      name: 'hemotrail_broker_connections',
      help: 'Devices connected now',
      registers,
    }),
    rejectedOpen: new Gauge({
      name: 'hemotrail_rejected_messages',
      help: 'Rejected messages that wait for their cause to be mended',
      registers,
    }),
    forwarded: new Counter({
      name: 'hemotrail_telemetry_forwarded_total',
      help: 'Readings the telemetry store took',
      registers,
    }),
    forwardSeconds: new Histogram({
      name: 'hemotrail_telemetry_forward_seconds',
      help: 'Batches of readings the telemetry store took, and the time each took',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
      registers,
    }),
    forwardFailures: new Counter({
      name: 'hemotrail_telemetry_forward_failures_total',
      help: 'Batches of readings that have to wait, by what is wrong with the telemetry store',
      labelNames: ['trouble'] as const,
      registers,
    }),
    telemetryTrouble: new Gauge({
      name: 'hemotrail_telemetry_trouble',
      help: '1 while nothing is forwarded, by what is wrong; `shut` needs a person: nothing mends it but configuration',
      labelNames: ['trouble'] as const,
      registers,
    }),
    telemetryWaiting: new Gauge({
      name: 'hemotrail_telemetry_waiting_readings',
      help: 'Readings that wait to be forwarded',
      registers,
    }),
    telemetryWaitingSeconds: new Gauge({
      name: 'hemotrail_telemetry_waiting_seconds',
      help: 'How long the oldest of them has waited',
      registers,
    }),
    telemetryOutboxRows: new Gauge({
      name: 'hemotrail_telemetry_outbox_rows',
      help: 'Rows of the outbox they wait in',
      registers,
    }),
    telemetryDead: new Gauge({
      name: 'hemotrail_telemetry_dead_readings',
      help: 'Readings the telemetry store refused that have not been sent again',
      registers,
    }),
    heartbeats: new Counter({
      name: 'hemotrail_heartbeats_total',
      help: 'Heartbeats to the outside: sent, failed on their way, or withheld because the service does not do its work',
      labelNames: ['outcome'] as const,
      registers,
    }),
    clockFaults: new Gauge({
      name: 'hemotrail_devices_in_clock_fault',
      help: 'Devices whose time is not believed',
      registers,
    }),
  }
}
