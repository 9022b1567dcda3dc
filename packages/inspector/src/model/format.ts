/** Milliseconds as a person says them. */
export function toDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`
  const seconds = milliseconds / 1_000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

export function toClock(time: string): string {
  return clock.format(new Date(time))
}

export function toDate(time: string): string {
  return calendar.format(new Date(time))
}

const count = new Intl.NumberFormat()

export function toCount(number: number): string {
  return count.format(number)
}

/** The last part of a path: what a person calls the folder. */
export function toFolder(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) || path
}

export function toJson(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}

/** `1 file`, `2 files`. */
export function toNumber(number: number, word: string): string {
  return `${toCount(number)} ${word}${number === 1 ? '' : 's'}`
}
