import type { JournalEntry, OfflineModel } from '@codesdkd/offline-model'

/** The calls of the model that are the conversation's own: not those for titles and summaries that an agent makes beside it. */
export function turns({ journal }: OfflineModel): readonly JournalEntry[] {
  return journal.entries.filter(({ side }) => !side)
}

/** Whether a text stood in what the agent sent to its model: in any request, or in those for one leg of a script. */
export function heard({ journal }: OfflineModel, text: string, { leg }: { leg?: number } = {}): boolean {
  const escaped = JSON.stringify(text).slice(1, -1)
  return journal.entries.some((entry) => (leg === undefined || entry.leg === leg) && JSON.stringify(entry.body).includes(escaped))
}
