import { testConformance } from './conformance.ts'
import { qwen } from './subjects/qwen.ts'

testConformance(qwen)
