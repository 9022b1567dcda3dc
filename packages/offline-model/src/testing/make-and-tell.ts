import type { ScenarioFileInput } from '../scenario.ts'

export const COMMAND = 'echo it is made > made; cat made'

/** Every agent plays it in the same way: it thinks, says something, runs a command, and tells in pieces what the command said. */
export const makeAndTell: ScenarioFileInput = {
  scenarios: [
    {
      name: 'make-and-tell',
      prompt: 'Make it and tell',
      legs: [
        {
          reasoning: 'A command will do.',
          text: 'I will make it.',
          tools: [{ tool: 'shell', command: COMMAND, justification: 'Makes a file' }],
        },
        { text: 'The command said this:\n{{last_tool_output}}', chunk_size: 8 },
      ],
    },
  ],
}
