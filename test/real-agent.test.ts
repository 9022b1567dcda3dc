import { testConformance } from './conformance/conformance.ts'
import { codex } from './conformance/subjects.ts'
import { suite } from './conformance/suite.ts'

// One of each kind; `npm run conformance` plays them all.
testConformance(
  codex,
  suite.filter(({ quick }) => quick === true),
)
