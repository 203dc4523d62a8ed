/** What a container is made of. Heat in J, power in W, temperatures in °C. */
export type HeatParams = {
  /** Heat capacity of the air and all it sweeps at once (liner, shelves, outer bags), J/K. */
  readonly airJPerK: number
  /** Heat capacity of the buffered load a probe sits in; 200 mL of water are 837 J/K. */
  readonly loadJPerK: number
  /** Between air and load, W/K. The load's own time constant is `loadJPerK / loadWPerK` seconds. */
  readonly loadWPerK: number
  /** Through the closed walls to the ambient, W/K. */
  readonly wallWPerK: number
  /** By air exchange through the open door, W/K on top of the walls. */
  readonly doorWPerK: number
  /** Share of the way from air to ambient that one warm bag put in takes the air at once. */
  readonly bagShare: number
  /** Heat the running compressor takes out of the air, W; starts above setpoint + hysteresis, stops below setpoint - hysteresis. */
  readonly compressor?: {
    readonly coolingW: number
    readonly setpoint: number
    readonly hysteresis: number
  }
  /** Packs that melt at `celsius`: they draw heat until `meltJ` is used up. */
  readonly packs?: { readonly celsius: number; readonly wPerK: number; readonly meltJ: number }
}

/** Temperatures in °C; `packJ` is the melting heat still left in the packs. */
export type HeatState = {
  readonly air: number
  readonly load: number
  readonly compressorOn: boolean
  readonly packJ: number
}

/** What happens to the container during one step. */
export type HeatInputs = {
  readonly ambient: number
  readonly mains: boolean
  readonly doorOpen: boolean
  /** Bags at ambient temperature put in at the beginning of the step. */
  readonly warmBags: number
}

export const presets = {
  /** 2 to 6 °C, about 300 litres. */
  bloodFridge: {
    airJPerK: 25_000,
    loadJPerK: 837,
    loadWPerK: 1.4,
    wallWPerK: 0.8,
    doorWPerK: 40,
    bagShare: 0.004,
    compressor: { coolingW: 50, setpoint: 4, hysteresis: 0.6 },
  },
  /** Plasma at -30 °C. */
  plasmaFreezer: {
    airJPerK: 40_000,
    loadJPerK: 837,
    loadWPerK: 1.1,
    wallWPerK: 0.6,
    doorWPerK: 30,
    bagShare: 0.003,
    compressor: { coolingW: 90, setpoint: -30, hysteresis: 1.5 },
  },
  /** An ambulance's box for four bags over 1.5 kg of ice packs. */
  transportBox: {
    airJPerK: 4_000,
    loadJPerK: 837,
    loadWPerK: 1,
    wallWPerK: 0.25,
    doorWPerK: 6,
    bagShare: 0.02,
    packs: { celsius: 0, wPerK: 1.1, meltJ: 500_000 },
  },
} as const satisfies Record<string, HeatParams>

/** A container that has stood closed for long. */
export function atRest(params: HeatParams, ambient: number): HeatState {
  const { compressor, packs, wallWPerK } = params
  const celsius = compressor
    ? compressor.setpoint
    : packs
      ? (wallWPerK * ambient + packs.wPerK * packs.celsius) / (wallWPerK + packs.wPerK)
      : ambient
  return { air: celsius, load: celsius, compressorOn: false, packJ: packs?.meltJ ?? 0 }
}

/** The thermostat looks this often; in between everything is linear and solved by exponentials, so no step is too long. */
const lookMs = 1_000

/** The container `dtMs` later. */
export function step(state: HeatState, params: HeatParams, inputs: HeatInputs, dtMs: number): HeatState {
  if (!(dtMs >= 0 && dtMs < Number.POSITIVE_INFINITY)) throw new RangeError(`a step of ${dtMs} ms`)
  const share = 1 - (1 - params.bagShare) ** inputs.warmBags
  let next: HeatState = { ...state, air: state.air + share * (inputs.ambient - state.air) }
  const looks = Math.ceil(dtMs / lookMs)
  for (let look = 0; look < looks; look += 1) next = drift(next, params, inputs, dtMs / looks / 1_000)
  return next
}

function drift(state: HeatState, params: HeatParams, inputs: HeatInputs, seconds: number): HeatState {
  const { airJPerK, loadJPerK, loadWPerK, wallWPerK, doorWPerK, compressor, packs } = params
  const compressorOn = compressor !== undefined && inputs.mains && wantsCold(state, compressor)
  const toAmbient = wallWPerK + (inputs.doorOpen ? doorWPerK : 0)
  const toPacks = packs && state.packJ > 0 ? packs.wPerK : 0
  const conductance = toAmbient + loadWPerK + toPacks

  const pull =
    toAmbient * inputs.ambient +
    loadWPerK * state.load +
    toPacks * (packs?.celsius ?? 0) -
    (compressorOn ? compressor.coolingW : 0)
  const goal = pull / conductance
  const rate = (conductance * seconds) / airJPerK
  const air = goal + (state.air - goal) * Math.exp(-rate)
  const meanAir = goal + ((state.air - goal) * -Math.expm1(-rate)) / (rate || 1)
  const load = meanAir + (state.load - meanAir) * Math.exp((-loadWPerK * seconds) / loadJPerK)
  const melted = toPacks * (meanAir - (packs?.celsius ?? 0)) * seconds
  const packJ = Math.min(packs?.meltJ ?? 0, Math.max(0, state.packJ - melted))
  return { air, load, compressorOn, packJ }
}

function wantsCold(
  state: HeatState,
  { setpoint, hysteresis }: { setpoint: number; hysteresis: number },
): boolean {
  return state.air > setpoint + hysteresis || (state.compressorOn && state.air >= setpoint - hysteresis)
}
