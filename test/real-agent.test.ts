import { testCells } from './conformance/conformance.ts'
import { codex } from './conformance/subjects/codex.ts'
import { suite } from './conformance/suite.ts'

// One of each kind; `npm run conformance` plays them all.
testCells(
  codex,
  suite.filter(({ quick }) => quick === true),
)
