import { createRequire } from 'node:module'
import { StartFailure } from './core/start-failure.ts'

/** The offline model on loopback; loaded only where it is asked for. Throws `StartFailure` for a scenario file that makes no sense. */
export async function startOffline(file: string | null): Promise<{ readonly url: string } & AsyncDisposable> {
  const { readScenarioFile, ScenarioError, startOfflineModel } = await import('@codesdkd/offline-model')
  try {
    return await startOfflineModel(
      await readScenarioFile(file ?? createRequire(import.meta.url).resolve('@codesdkd/offline-model/scenarios/demo.json')),
    )
  } catch (error) {
    if (error instanceof ScenarioError) throw new StartFailure('invalid_config', error.message, { cause: error })
    throw error
  }
}
