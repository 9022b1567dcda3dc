import { codexQuirks } from './cells/codex-quirks.ts'
import { testConformance } from './conformance.ts'
import { codex } from './subjects/codex.ts'

testConformance(codex, codexQuirks)
