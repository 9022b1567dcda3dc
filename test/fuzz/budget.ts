import * as fc from 'fast-check'
import { atLeast } from './runs.ts'

const { FUZZ_SEED } = process.env
fc.configureGlobal({ numRuns: atLeast(100), ...(FUZZ_SEED === undefined ? {} : { seed: Number(FUZZ_SEED) }) })
