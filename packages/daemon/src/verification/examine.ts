import { readdir } from 'node:fs/promises'
import type { OfflineModel } from '@codesdkd/offline-model'
import { Problem, type Capabilities, type CapabilityDifference, type CapabilityValue, type Probe } from '@codesdkd/protocol'
import { RuntimeFailure } from '../core/ports.ts'
import { Examinee, type ExamineeOptions } from './examinee.ts'
import { probes, type Evidence, type Measurement, type ProbeSpec } from './probes.ts'
import { trials, type Trial, type TrialName } from './trials.ts'
import { runTurn, TurnOverdue } from './turn.ts'

export interface ExaminationOptions extends ExamineeOptions {
  /** The agent's model, which plays `scenarios`. */
  readonly model: OfflineModel
  /** When it is aborted, what is left to do is not done. */
  readonly signal: AbortSignal
}

type Result = { readonly durationMs: number } & ({ readonly evidence: Evidence } | { readonly failure: string })

/**
 * Conducts every trial and reads the probes from them. An agent that does not answer the first one is not tried any further. Never rejects:
 * what could not be told says why.
 */
export async function examine(options: ExaminationOptions): Promise<readonly Probe[]> {
  const results = new Map<string, Result>()
  await using examinee = new Examinee(options)
  for (const [name, trial] of Object.entries(trials)) {
    const first = results.get('answer')
    const hopeless = first !== undefined && 'failure' in first
    results.set(name, hopeless ? { failure: first.failure, durationMs: 0 } : await conduct(name, trial, examinee, options))
  }
  return probes.map((spec) => toProbe(spec, options.runtime.capabilities, results.get(spec.trial satisfies TrialName)))
}

async function conduct(name: string, trial: Trial, examinee: Examinee, { model, workspace, signal }: ExaminationOptions): Promise<Result> {
  const begun = performance.now()
  const before = model.journal.entries.at(-1)?.seq ?? 0
  try {
    signal.throwIfAborted()
    const session = await examinee.session(trial, signal)
    const turn = await runTurn(session, `probe-${name}`, trial, signal)
    const requests = model.journal.entries.filter(({ seq }) => seq > before).map(({ body }) => JSON.stringify(body))
    const { alive, resumed } = session
    const evidence = { ...turn, requests, files: new Set(await readdir(workspace)), alive, resumed }
    return { evidence, durationMs: since(begun) }
  } catch (error) {
    await examinee.close()
    return { failure: signal.aborted ? 'There was no time left for it.' : toFailure(error), durationMs: since(begun) }
  }
}

function since(begun: number): number {
  return Math.round(performance.now() - begun)
}

function toFailure(error: unknown): string {
  if (error instanceof RuntimeFailure) return `The agent did not start (${error.failure.code}): ${error.message}`
  if (error instanceof Problem || error instanceof TurnOverdue) return error.message
  return 'The probe failed.'
}

function toProbe(spec: ProbeSpec, capabilities: Capabilities, result: Result | undefined): Probe {
  const { name, capability } = spec
  const declared = capability === null ? null : toValue(capabilities[capability])
  const { value: measured, detail } = measure(spec, declared, result)
  const ok = measured !== null && (capability === null || agrees(spec, declared, measured))
  return { name, capability, declared, measured, ok, detail, duration_ms: result?.durationMs ?? 0 }
}

function measure(spec: ProbeSpec, declared: CapabilityValue, result: Result | undefined): Measurement {
  if (result === undefined) return { value: null, detail: 'There was no trial.' }
  if ('failure' in result) return { value: null, detail: result.failure }
  const { outcome } = result.evidence
  // A task that failed for another reason than what is looked at proves nothing.
  if (outcome.status === 'failed') return { value: null, detail: `The task failed (${outcome.error.code}): ${outcome.error.message}` }
  return spec.measure(result.evidence, declared)
}

function agrees({ agrees: same = Object.is }: ProbeSpec, declared: CapabilityValue, measured: CapabilityValue): boolean {
  return same(declared, measured)
}

/** Where the probes say something else than what is declared. */
export function toDifferences(found: readonly Probe[]): CapabilityDifference[] {
  return found.flatMap(({ capability, declared, measured, ok }) =>
    ok || capability === null || measured === null ? [] : [{ capability, declared, measured }],
  )
}

function toValue(value: Capabilities[keyof Capabilities]): CapabilityValue {
  return typeof value === 'object' || value === undefined ? null : value
}
