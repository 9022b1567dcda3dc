import { testConformance } from './conformance.ts'
import { gemini } from './subjects/gemini.ts'

testConformance(gemini)
