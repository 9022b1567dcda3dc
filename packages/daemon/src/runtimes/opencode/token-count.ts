/** Tokens as OpenCode counts them. */
export interface Tokens {
  readonly input: number
  readonly output: number
  readonly reasoning: number
  readonly cache: { readonly read: number; readonly write: number }
}

/** The tokens of a whole turn. Runs inside OpenCode. */
export interface TokenCount {
  /** One model call has ended; `part` names it. */
  add(session: string, part: string, tokens: Tokens): void
  /** Sends a request of OpenCode to its own server, and resolves with the answer. That of a prompt names the tokens of the last model call only: here it names those of all. */
  complete(request: Request, send: (request: Request) => Promise<Response>): Promise<Response>
}

export function createTokenCount(): TokenCount {
  const calls = new Map<string, Map<string, Tokens>>()
  return {
    add(session, part, tokens) {
      calls.set(session, (calls.get(session) ?? new Map<string, Tokens>()).set(part, tokens))
    },
    async complete(request, send) {
      const session = request.method === 'POST' ? /^\/session\/([^/]+)\/message$/.exec(new URL(request.url).pathname)?.[1] : undefined
      if (session === undefined) return await send(request)
      // Those of a turn that was stopped or failed are not this one's.
      calls.delete(session)
      const response = await send(request)
      if (!response.ok) return response
      const text = await response.text()
      const all = [...(calls.get(session)?.values() ?? [])]
      calls.delete(session)
      return new Response(withTokens(text, all), { status: response.status, headers: { 'content-type': 'application/json' } })
    },
  }
}

function withTokens(text: string, calls: readonly Tokens[]): string {
  if (calls.length < 2) return text
  try {
    const answer: { info: { tokens: Tokens } } = JSON.parse(text)
    answer.info.tokens = calls.reduce(plus)
    return JSON.stringify(answer)
  } catch {
    return text
  }
}

function plus(one: Tokens, other: Tokens): Tokens {
  return {
    input: one.input + other.input,
    output: one.output + other.output,
    reasoning: one.reasoning + other.reasoning,
    cache: { read: one.cache.read + other.cache.read, write: one.cache.write + other.cache.write },
  }
}
