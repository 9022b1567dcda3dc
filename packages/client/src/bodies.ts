import type { createTask, mintToken, toolOutputRequest, toolResultRequest } from '@codesdkd/protocol'

/** What may be sent, where the daemon fills in what is left out: its own types have that filled in. */
type Sent<Schema extends { readonly _zod: { readonly input: unknown } }> = Schema['_zod']['input']

export type NewTask = Sent<typeof createTask>
export type NewToken = Sent<typeof mintToken>
export type NewToolOutput = Sent<typeof toolOutputRequest>
export type NewToolResult = Sent<typeof toolResultRequest>
