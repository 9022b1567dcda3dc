import { claudeQuirks } from './cells/claude-quirks.ts'
import { testConformance } from './conformance.ts'
import { claude } from './subjects/claude.ts'

testConformance(claude, claudeQuirks)
