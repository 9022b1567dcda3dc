/** Answers to the requests of the app-server. Pure. */

interface ServerRequest {
  readonly method: string
  readonly params: unknown
}

/** The answer that carries a decision; null when the request takes none. */
export function toAnswer({ method, params }: ServerRequest, approved: boolean): object | null {
  switch (method) {
    // `decline` and not `cancel`: the turn goes on, and the model may try something else.
    case 'item/commandExecution/requestApproval':
    case 'item/fileChange/requestApproval':
      return { decision: approved ? 'accept' : 'decline' }
    case 'item/permissions/requestApproval':
      return { permissions: approved ? toRequested(params) : {}, scope: 'turn' }
    case 'mcpServer/elicitation/request':
      return { action: approved ? 'accept' : 'decline', content: approved ? {} : null, _meta: null }
    default:
      return null
  }
}

/** The answer to a request that nobody is asked about; null when only an error will do. */
export function toRefusal(request: ServerRequest): object | null {
  return request.method === 'item/tool/requestUserInput' ? { answers: {} } : toAnswer(request, false)
}

function toRequested(params: unknown): unknown {
  return typeof params === 'object' && params !== null && 'permissions' in params ? params.permissions : {}
}
