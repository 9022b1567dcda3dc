import { opencode } from '../conformance/subjects/opencode.ts'
import { testEscapes } from './suite.ts'

testEscapes(opencode)
