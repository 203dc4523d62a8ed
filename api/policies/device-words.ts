/** A device in a sentence: as people call it, and its name, by which it can be found; in both languages. */
export function deviceWords(device: string, label: string | null | undefined): string {
  return label ? `${label} [${device}]` : device
}
