// A bot for CI: lets an agent work in a repository, and prints what came of it as Markdown, for a comment or a job summary:
//   node examples/ci-bot.ts 'Fix the failing test' [folder] [options of the daemon, --offline say] >> "$GITHUB_STEP_SUMMARY"
// Its exit code is 0 when the task was completed. Nobody is there to be asked: what needs a person is denied, and the agent hears why.
import { startDaemon } from '@codesdkd/client/node'
import type { TaskResult } from '@codesdkd/client'

const [prompt = '', folder = process.cwd(), ...args] = process.argv.slice(2)

await using daemon = await startDaemon({ args })
const { session_id } = await daemon.client.createSession({ cwd: folder, permission_mode: 'ask' })
const result = await daemon.client.runTask({
  sessionId: session_id,
  messages: prompt,
  // What only changes files of the repository is what the bot is for; a job is reviewed before it is merged.
  onApproval: ({ kind }) => (kind === 'edit' ? { decision: 'approve' } : { decision: 'deny', reason: 'No person is here to allow this.' }),
})
process.stdout.write(toMarkdown(result))
process.exitCode = result.status === 'completed' ? 0 : 1

function toMarkdown({ status, error, text, receipt }: TaskResult): string {
  const { files_changed, commands, approvals, usage, time_ms } = receipt
  const lists = {
    'Files changed': files_changed.map(({ path, change }) => `${code(path)} (${change})`),
    Commands: commands.map(({ title, exit_code }) => `${code(title)}: ${exit_code ?? 'no exit code'}`),
    Numbers: [
      `${approvals.approved} calls approved, ${approvals.denied} denied`,
      `${usage?.input_tokens ?? '?'} tokens in, ${usage?.output_tokens ?? '?'} out`,
      `${(time_ms.total / 1000).toFixed(1)} s`,
    ],
  }
  const sections = Object.entries(lists).filter(([, items]) => items.length > 0)
  return [
    `## ${prompt.split('\n')[0]}: ${status}`,
    ...(error === null ? [] : [`**${error.code}**: ${error.message}`]),
    // Fenced: what an agent says is no Markdown of ours.
    fence(text),
    ...sections.map(([title, items]) => `### ${title}\n\n${items.map((item) => `- ${item}`).join('\n')}`),
    '',
  ].join('\n\n')
}

function code(text: string): string {
  return `\`\` ${text.replaceAll('`', "'").replace(/\s+/g, ' ')} \`\``
}

function fence(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const line = '`'.repeat(longest + 1)
  return `${line}text\n${text}\n${line}`
}
