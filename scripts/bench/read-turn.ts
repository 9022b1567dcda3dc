import { request } from 'node:http'
import type { Session, Target } from './target.ts'

/** One task from its POST to its end, as a client of the stream sees it. Milliseconds of `performance.now`. */
export async function readTurn(
  target: Target,
  session: Session,
  text: string,
): Promise<{ readonly sent: number; readonly first: number; readonly ended: number }> {
  const after = await target.tip(session)
  const stream = request({ host: '127.0.0.1', port: target.port, path: `${session.path}/events?after_seq=${after}&stream=1` })
  const caughtUp = Promise.withResolvers<void>()
  const first = Promise.withResolvers<number>()
  const ended = Promise.withResolvers<number>()
  let seen = ''
  stream.on('error', ended.reject)
  stream.on('response', (response) => {
    response.setEncoding('latin1').on('data', (chunk: string) => {
      seen += chunk
      if (seen.includes('event: caught_up')) caughtUp.resolve()
      if (seen.includes('"type":"model.output.delta"')) first.resolve(performance.now())
      const end = /"type":"task\.(completed|failed|stopped)"/.exec(seen)?.[1]
      if (end === 'completed') ended.resolve(performance.now())
      else if (end !== undefined) ended.reject(new Error(`the task ended as ${end}: ${seen.slice(-2000)}`))
    })
  })
  stream.end()
  await caughtUp.promise
  const sent = performance.now()
  await target.startTask(session, text)
  try {
    return { sent, ended: await ended.promise, first: await first.promise }
  } finally {
    stream.destroy()
  }
}
