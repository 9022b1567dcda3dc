import { codexQuirks } from './cells/codex-quirks.ts'
import { testConformance, testProofs } from './conformance.ts'
import { codex } from './subjects.ts'
import { suite } from './suite.ts'

testConformance(codex, [...suite, ...codexQuirks])
testProofs(codex, suite)
