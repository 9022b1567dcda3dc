import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isWanted, toTracingSecrets } from './tracing.ts'

test.each([
  [{}, false],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector' }, false],
  [{ OTEL_TRACES_EXPORTER: 'console' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector' }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector' }, true],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector', OTEL_SDK_DISABLED: 'true' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
])('%j: %s', (environment, wanted) => {
  expect(isWanted(environment)).toBe(wanted)
})

test('without them no part of the SDK is loaded', () => {
  const source = `import { openTracing } from ${JSON.stringify(join(import.meta.dirname, 'tracing.ts'))}
    import { createRequire } from 'node:module'
    await openTracing({ environment: {}, version: '0', logger: null })
    console.log(Object.keys(createRequire(import.meta.url).cache).filter((name) => name.includes('opentelemetry')).length)`
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', source]).toString()).toBe('0\n')
})

test('headers for the collector are secrets', () => {
  expect(
    toTracingSecrets({ OTEL_EXPORTER_OTLP_HEADERS: 'api-key=first=1, x=second', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'y=third' }),
  ).toEqual(['first=1', 'second', 'third'])
  expect(toTracingSecrets({})).toEqual([])
})
