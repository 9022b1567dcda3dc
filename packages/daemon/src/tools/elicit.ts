import type { ElicitRequestParams, ElicitResult } from '@modelcontextprotocol/client'
import type { ToolRun } from '../core/tools.ts'

/**
 * The answer of the person to what a server asks. It is asked in the task of the call that runs: a server does not say for which call it
 * asks, so that while calls of several run nobody can tell whose person is meant, and it is declined. So is a page to be visited in the
 * server's name. Never rejects.
 */
export async function elicit(
  running: ReadonlySet<Pick<ToolRun, 'signal' | 'ask'>>,
  params: ElicitRequestParams,
): Promise<Pick<ElicitResult, 'action' | 'content'>> {
  const [call] = running
  if (call === undefined || running.size > 1 || params.mode === 'url') return { action: 'decline' }
  const { signal, ask } = call
  const over = new Promise<null>((resolve) => {
    if (signal.aborted) resolve(null)
    signal.addEventListener('abort', () => resolve(null), { once: true })
  })
  const answer = await Promise.race([ask({ title: params.message, schema: params.requestedSchema }), over])
  if (answer === null) return { action: 'cancel' }
  if (answer.outcome !== 'accept') return { action: answer.outcome }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it fits the schema of the question, which the SDK knows to be flat
  return { action: 'accept', content: answer.content as NonNullable<ElicitResult['content']> }
}
