import { startOfflineModel } from '@codesdkd/offline-model'

/** The model behind the real Codex: one story, told at the pace of a fast model. Tells its URL to the process that has forked it. */

const story = { text: 'Once upon a time there was a queue, and everyone in it was served. ' }
const model = await startOfflineModel({
  scenarios: [{ name: 'story', prompt: 'story', legs: [{ text_repeat: { ...story, times: 30 }, chunk_size: 8, delay_ms: 4 }] }],
})
process.send?.(model.url)
process.on('disconnect', () => process.exit())
