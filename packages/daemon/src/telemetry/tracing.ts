import type { Event } from '@codesdkd/protocol'
import type { Logger } from 'pino'

/** Traces by OpenTelemetry: a subscriber of the log like any other. */
export interface Tracing extends AsyncDisposable {
  /** Takes one committed event. Never throws, never waits. */
  observe(event: Event): void
  /** A request came with this `traceparent`: what it starts is a part of the trace of whoever sent it. What is not one is ignored. */
  arrived(requestId: string, traceparent: string | undefined): void
}

export interface TracingOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly logger: Logger
}

const off: Tracing = { observe: () => undefined, arrived: () => undefined, [Symbol.asyncDispose]: async () => undefined }

/** The tracing that the standard variables ask for. Where they ask for none, no part of the SDK is loaded. */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  if (!isWanted(options.environment)) return off
  const { createExport } = await import('./span-export.ts')
  return createExport(options)
}

/** Off by default: a variable that names the exporter or an endpoint turns it on. There is one exporter; stdout is the ready line's alone. */
export function isWanted(environment: TracingOptions['environment']): boolean {
  if (environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false
  const exporters = environment['OTEL_TRACES_EXPORTER'] ?? ''
  if (exporters !== '') return exporters.split(',').some((name) => name.trim() === 'otlp')
  return ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].some((name) => (environment[name] ?? '') !== '')
}

/** What the variables bring along for the collector: of no use to anybody else. */
export function toTracingSecrets(environment: TracingOptions['environment']): readonly string[] {
  const headers = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'].flatMap((name) => environment[name]?.split(',') ?? [])
  return headers.map((header) => header.slice(header.indexOf('=') + 1).trim()).filter((value) => value !== '')
}
