import type { Receipt } from '@codesdkd/protocol'
import { toDuration } from '../model/format.ts'

const shares = [
  ['model', 'model'],
  ['tool', 'tools'],
  ['waiting_for_human', 'people'],
  ['queued', 'queue'],
] as const

/** Where the time of a task went, as a bar; its label says the same in words. */
export function TimeBar({ time }: { readonly time: Receipt['time_ms'] }) {
  const spent = shares.filter(([name]) => time[name] > 0)
  const label = spent.map(([name, word]) => `${word} ${toDuration(time[name])}`).join(', ')
  return (
    <div class="bar" role="img" aria-label={label === '' ? 'no time' : label}>
      {spent.map(([name]) => (
        <span key={name} class={name} style={{ flexGrow: time[name] }} />
      ))}
    </div>
  )
}

export function TimeLegend() {
  return (
    <ul class="legend">
      {shares.map(([name, word]) => (
        <li key={name}>
          <span class={`swatch ${name}`} aria-hidden="true" /> {word}
        </li>
      ))}
    </ul>
  )
}
