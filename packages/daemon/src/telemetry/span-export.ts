import { diag, DiagLogLevel, type SpanContext } from '@opentelemetry/api'
import { parseTraceParent, setGlobalErrorHandler } from '@opentelemetry/core'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, RandomIdGenerator, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { createSpans, type ChosenIds } from './spans.ts'
import type { Tracing, TracingOptions } from './tracing.ts'

/** Requests whose parent is remembered until what they start has begun. */
const REMEMBERED = 1_000
/** A collector that is away must not hold up the end of the daemon. Milliseconds. */
const FLUSH_LIMIT = 2_000
/** One line tells that spans get lost; more would tell nothing new. Milliseconds. */
const TOLD_EVERY = 300_000

const silent = () => undefined

/**
 * The SDK with what the variables say: exporter, endpoint, headers, sampler, sizes of batches. Spans wait in a queue of bounded length
 * (`OTEL_BSP_MAX_QUEUE_SIZE`); where a collector does not take them they are dropped.
 */
export async function createExport({ environment, version, logger }: TracingOptions): Promise<Tracing> {
  let told = Number.NEGATIVE_INFINITY
  const tell = (error: unknown) => {
    const now = performance.now()
    if (now - told < TOLD_EVERY) return
    told = now
    logger.warn({ err: error }, 'spans could not be exported')
  }
  setGlobalErrorHandler(tell)
  diag.setLogger({ verbose: silent, debug: silent, info: silent, warn: tell, error: tell }, DiagLogLevel.WARN)

  let chosen: ChosenIds | null = null
  const random = new RandomIdGenerator()
  const named = { 'service.name': 'codesdkd', 'service.version': version }
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes(named).merge(detectResources({ detectors: [envDetector] })),
    idGenerator: {
      generateTraceId: () => chosen?.traceId ?? random.generateTraceId(),
      generateSpanId: () => chosen?.spanId ?? random.generateSpanId(),
    },
    spanProcessors: [new BatchSpanProcessor(await createExporter(environment))],
  })
  const parents = new Map<string, SpanContext>()
  const spans = createSpans({
    tracer: provider.getTracer('codesdkd', version),
    choose: (ids) => {
      chosen = ids
    },
    content: environment['OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT']?.toLowerCase() === 'true',
    parentOf(requestId) {
      const parent = parents.get(requestId) ?? null
      parents.delete(requestId)
      return parent
    },
  })
  return {
    observe: (event) => spans.observe(event),
    arrived(requestId, traceparent) {
      const parent = traceparent === undefined ? null : parseTraceParent(traceparent)
      if (parent === null) return
      const [oldest] = parents.keys()
      if (oldest !== undefined && parents.size >= REMEMBERED) parents.delete(oldest)
      parents.set(requestId, { ...parent, isRemote: true })
    },
    async [Symbol.asyncDispose]() {
      const late = Promise.withResolvers<never>()
      const timer = setTimeout(() => late.reject(new Error('The collector did not take the last spans in time.')), FLUSH_LIMIT)
      await Promise.race([provider.shutdown(), late.promise]).catch(tell)
      clearTimeout(timer)
    },
  }
}

async function createExporter(environment: TracingOptions['environment']): Promise<SpanExporter> {
  const protocol = environment['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] ?? environment['OTEL_EXPORTER_OTLP_PROTOCOL']
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter()
}
