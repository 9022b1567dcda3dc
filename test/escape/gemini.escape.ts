import { gemini } from '../conformance/subjects/gemini.ts'
import { testEscapes } from './suite.ts'

testEscapes(gemini)
