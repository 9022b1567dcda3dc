import type { SessionBody, Subject } from '../../conformance/subject.ts'
import type { Canaries } from './canary.ts'

/** How a key gets to the daemon: by `codesdkd keys set`, in the `env` of a session, in its own environment. */
export const ways = ['stored', 'given', 'inherited'] as const
export type Way = (typeof ways)[number]

/** The variable with the bearer token of an MCP server. */
export const tokenVariable = 'WIRE_TOKEN'
const keyVariable = 'MODEL_KEY'

export interface Equipment {
  readonly subject: Subject
  readonly canaries: Canaries
  readonly endpoint: string
  readonly cwd: string
  /** MCP servers: one over stdio and one over HTTP. */
  readonly stdio: { readonly command: string; readonly args: readonly string[] }
  readonly url: string
  /** What that over HTTP is to be told beside its token. */
  readonly header: string
}

/** A session whose key comes this way. */
export function toSession(way: Way, { subject, canaries, endpoint, cwd, stdio, url, header }: Equipment): SessionBody {
  const { env: _, ...body } = subject.session({ cwd, endpoint })
  const variable = way === 'given' ? keyVariable : subject.credentialVariable
  return {
    ...body,
    ...place[way],
    // Not every agent works where its commands do: by this its processes are known.
    env: { WORKSPACE: cwd, [tokenVariable]: canaries.secret('mcp'), ...(way === 'given' ? { [keyVariable]: canaries.secret(way) } : {}) },
    runtimeConfig: {
      ...(body['runtimeConfig'] as object),
      ...subject.providerKey(variable),
      mcp_servers: { pipe: stdio, wire: { url, bearer_token_env_var: tokenVariable, headers: { 'x-wire': header } } },
    },
  }
}

const place: Readonly<Record<Way, SessionBody>> = {
  stored: { credentialNamespace: 'stored', isolationLevel: 'namespaced' },
  given: { credentialNamespace: 'given', isolationLevel: 'namespaced' },
  inherited: { credentialNamespace: 'default', isolationLevel: 'shared' },
}
