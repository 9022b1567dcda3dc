import { testRaid } from './test-raid.ts'

testRaid('firefox')
