import { qwen } from '../conformance/subjects/qwen.ts'
import { testEscapes } from './suite.ts'

testEscapes(qwen)
