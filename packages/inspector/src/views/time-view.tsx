import { toClock, toDuration } from '../model/format.ts'
import type { SessionLog } from '../model/session-log.ts'
import { TimeBar, TimeLegend } from '../parts/time-bar.tsx'

/** Where the time of each task went, and of all together. */
export function TimeView({ log }: { readonly log: SessionLog }) {
  void log.version.value
  const { ends, running } = log.timeline()
  const times = ends.map(({ receipt }) => receipt.time_ms)
  const sum = times.reduce(
    (all, one) => ({
      total: all.total + one.total,
      model: all.model + one.model,
      tool: all.tool + one.tool,
      waiting_for_human: all.waiting_for_human + one.waiting_for_human,
      queued: all.queued + one.queued,
    }),
    { total: 0, model: 0, tool: 0, waiting_for_human: 0, queued: 0 },
  )
  return (
    <div class="page" tabIndex={0} role="region" aria-label="Where the time went">
      <TimeLegend />
      <table>
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">Ended</th>
            <th scope="col">Time</th>
            <th scope="col">Where it went</th>
          </tr>
        </thead>
        <tbody>
          {ends.map(({ key, task, status, time, receipt }) => (
            <tr key={key}>
              <th scope="row">{task}</th>
              <td>
                {status} {toClock(time)}
              </td>
              <td>{toDuration(receipt.time_ms.total)}</td>
              <td>
                <TimeBar time={receipt.time_ms} />
              </td>
            </tr>
          ))}
          {ends.length > 1 && (
            <tr class="sum">
              <th scope="row">all</th>
              <td />
              <td>{toDuration(sum.total)}</td>
              <td>
                <TimeBar time={sum} />
              </td>
            </tr>
          )}
        </tbody>
      </table>
      {running !== null && (
        <p>
          {running.taskId} runs since {toClock(running.since)}; its time is told when it has ended.
        </p>
      )}
      {ends.length === 0 && running === null && <p class="empty">No task has run yet.</p>}
    </div>
  )
}
