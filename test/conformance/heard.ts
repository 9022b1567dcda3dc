import type { OfflineModel } from '@codesdkd/offline-model'

/** Whether a text stood in what the agent sent to its model: in any request, or in those for one leg of a script. */
export function heard({ journal }: OfflineModel, text: string, { leg }: { leg?: number } = {}): boolean {
  const escaped = JSON.stringify(text).slice(1, -1)
  return journal.entries.some((entry) => (leg === undefined || entry.leg === leg) && JSON.stringify(entry.body).includes(escaped))
}
