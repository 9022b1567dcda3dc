export { toHunk } from '../text-diff.ts'
