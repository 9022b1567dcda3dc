import { codex } from '../conformance/subjects/codex.ts'
import { testEscapes } from './suite.ts'

testEscapes(codex, { asOrdinaryUser: true })
