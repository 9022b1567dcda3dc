import type { Logger } from 'pino'
import type { Config } from './configuration/config.ts'
import type { Clock, NewId, ProcessLedger } from './core/ports.ts'
import { StartFailure } from './core/start-failure.ts'
import { createTrust, createUplink } from './gateway/uplink.ts'
import { checkSchema } from './json-schema.ts'
import { killMarked } from './runtimes/leftovers.ts'
import { processMark } from './runtimes/process.ts'
import { checkEntries, createOwnTools, type OwnTools } from './tools/own-tools.ts'
import { createSchemaCheck, type SchemaCheck } from './tools/schema-check.ts'
import { version } from './version.ts'

export interface ToolRegistryParts {
  readonly environment: NodeJS.ProcessEnv
  readonly ledger: ProcessLedger
  readonly newId: NewId
  readonly clock: Clock
  readonly logger: Logger
}

export interface OpenRegistry extends AsyncDisposable {
  readonly tools: OwnTools
  readonly schemas: SchemaCheck
}

/** The tools that the config file names. Rejects with `StartFailure` where a schema of theirs makes no sense. */
export async function openToolRegistry({ tools, mcpServers }: Config, parts: ToolRegistryParts): Promise<OpenRegistry> {
  const { environment, ledger, newId, clock, logger } = parts
  await using stack = new AsyncDisposableStack()
  const schemas = stack.use(createSchemaCheck({ simple: checkSchema }))
  await checkEntries(tools, schemas.check).catch((error: Error) => {
    throw new StartFailure('invalid_config', `config file key tools: ${error.message}`, { cause: error })
  })
  const uplink = stack.use(createUplink(environment, createTrust(environment)))
  const own = stack.use(
    createOwnTools({
      tools,
      servers: mcpServers,
      version,
      world: {
        environment,
        // As agents, so that no call of theirs decides over their calls.
        ledger,
        markName: processMark,
        newId,
        sweep: (mark) => killMarked(processMark, mark),
        agent: (protocol) => uplink.agent(protocol),
      },
      check: schemas.check,
      clock,
      report: (server, error) => logger.warn({ err: error, server }, 'an MCP server failed'),
    }),
  )
  const open = stack.move()
  return { tools: own, schemas, [Symbol.asyncDispose]: () => open.disposeAsync() }
}
