import { testConformance, testProofs } from './conformance.ts'
import { codex } from './subjects.ts'
import { suite } from './suite.ts'

testConformance(codex, suite)
testProofs(codex, suite)
