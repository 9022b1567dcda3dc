import { opencodeQuirks } from './cells/opencode-quirks.ts'
import { testConformance } from './conformance.ts'
import { opencode } from './subjects/opencode.ts'

testConformance(opencode, opencodeQuirks)
