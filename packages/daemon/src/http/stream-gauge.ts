import { Problem } from '@codesdkd/protocol'
import type { HttpContext } from './context.ts'

/** Counts the open event streams. The returned function takes one place and returns how to give it back; it throws `sse_limit`. */
export function createStreamGauge({ limits, metrics }: Pick<HttpContext, 'limits' | 'metrics'>): () => () => void {
  let open = 0
  const change = (by: 1 | -1) => {
    open += by
    metrics.sseClients(open)
  }
  return () => {
    if (open >= limits.sseClients) {
      throw new Problem('sse_limit', `${limits.sseClients} event streams are open.`, {
        members: { limit: limits.sseClients, current: open, scope: 'daemon' },
      })
    }
    change(1)
    return () => change(-1)
  }
}
