import type { ProbeKind } from '../../../schema/vocabulary.ts'
import type { Boot } from '../../stores/clocks.ts'
import type { Device } from '../../stores/devices.ts'
import type { Decoded, Incoming } from './decode.ts'

/** A message that was read, and where it belongs. */
export type Taken = {
  readonly incoming: Incoming
  readonly device: Device
  readonly boot: Boot
  /** What is remembered of the device's boots, to be brought up to date after the commit. */
  readonly boots: Map<string, Boot>
  /** The probes its readings speak of. */
  readonly probes: ReadonlyMap<ProbeKind, number>
  /** SHA-256 of its exact bytes, hexadecimal. */
  readonly payloadHash: string
  readonly decoded: Decoded
  /** Its identity was taken before; only elements rejected then are tried again. */
  readonly again: boolean
}

/** The state a derivation began from has been moved by another writer: forget it and start again. */
export class StaleMemory extends Error {
  override readonly name = 'StaleMemory'
}
