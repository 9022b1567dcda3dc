import { claude } from '../conformance/subjects/claude.ts'
import { testEscapes } from './suite.ts'

testEscapes(claude, { asOrdinaryUser: true })
