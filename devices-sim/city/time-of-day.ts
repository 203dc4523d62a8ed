/** City time as its people say it: the day, and the time of it. */
export function timeOfDay(cityMs: number): string {
  const minutes = Math.floor(cityMs / 60_000)
  const two = (number: number) => String(number).padStart(2, '0')
  return `day ${Math.floor(minutes / 1_440) + 1} ${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`
}
