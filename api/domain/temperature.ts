/**
 * Temperatures are judged and kept as whole hundredths of a degree Celsius, rounded once, at the door, half away from
 * zero, so that 2 and -2 are treated alike.
 */
export function toCenti(celsius: number): number {
  const centi = Math.round(Math.abs(celsius) * 100)
  return celsius < 0 && centi !== 0 ? -centi : centi
}

export function toCelsius(centi: number): number {
  return centi / 100
}
