import type { Component } from '../../schema/vocabulary.ts'
import type { Warming } from '../domain/return-clock.ts'

const minute = 60_000

/**
 * Additive red cells from 4 °C in a room of 22 °C: core 10 °C after a quarter of an hour, 12.7 after half an hour, 15 after
 * an hour (Perry 2010, Transfusion 50:174). Small bags warm faster: what is counted here is an adult's.
 */
const redCells: Warming = {
  points: [
    { afterMs: 15 * minute, share: 6 / 18 },
    { afterMs: 30 * minute, share: 8.7 / 18 },
    { afterMs: 60 * minute, share: 11 / 18 },
  ],
  room: 2_200,
}

/** Of the others nobody was found to say: by the clock alone. Uncertain: the room, and whole blood by red cells. */
export const warmings: Readonly<Partial<Record<Component, Warming>>> = {
  red_cells: redCells,
  whole_blood: redCells,
}

/** No core warmer than this comes back into storage, hundredths of a degree (equipment and return rules: 10 °C). */
export const returnLimit = 1_000
