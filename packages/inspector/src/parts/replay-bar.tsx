import type { Replay, UpdateReplay } from '@codesdkd/protocol'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { client } from '../model/client.ts'
import { toCount } from '../model/format.ts'
import { ProblemText } from './problem-text.tsx'
import { useAction } from './use-action.ts'

const speeds = [0.5, 1, 2, 10, 100]

/** How far the replay of a bundle has come, and at what pace it goes on. `shown` is how many events have come. */
export function ReplayBar({ sessionId, shown }: { readonly sessionId: string; readonly shown: number }) {
  const { run, busy, error } = useAction()
  const replay = useSignal<Replay | null>(null)
  const ask = (asked: () => Promise<Replay>) => run(async () => (replay.value = await asked()))
  const update = (change: UpdateReplay) => ask(() => client.updateReplay(sessionId, change))
  useEffect(() => ask(() => client.getReplay(sessionId)), [sessionId])
  const now = replay.value
  if (now === null) return <ProblemText text={error} />
  const seq = now.first_seq - 1 + shown
  const over = seq >= now.last_seq
  return (
    <div class="row replay" role="group" aria-label="Replay">
      <span role="status">
        Replay: event {toCount(seq)} of {toCount(now.last_seq)}
      </span>
      <button
        type="button"
        disabled={over || busy.value}
        onClick={() => update({ state: now.state === 'playing' ? 'stepping' : 'playing' })}
      >
        {now.state === 'playing' ? 'Pause' : 'Play'}
      </button>
      <button type="button" disabled={over || busy.value} onClick={() => ask(() => client.stepReplay(sessionId))}>
        Next event
      </button>
      <label>
        Speed{' '}
        <select
          disabled={over}
          value={String(now.speed ?? 1)}
          onChange={({ currentTarget }) => update({ speed: Number(currentTarget.value) })}
        >
          {[...new Set([...speeds, now.speed ?? 1])].map((speed) => (
            <option key={speed} value={String(speed)}>
              × {speed}
            </option>
          ))}
        </select>
      </label>
      <button type="button" disabled={over || busy.value} onClick={() => update({ state: 'playing', speed: null })}>
        To the end
      </button>
      <ProblemText text={error} />
    </div>
  )
}
