import type { FindSecrets } from '../core/redaction/redactor.ts'

/** Secrets by the rules of secretlint, which is loaded when it is first needed. */
export function createSecretLint(): FindSecrets {
  let rules: Promise<FindSecrets> | null = null
  return async (text) => (await (rules ??= loadRules()))(text)
}

async function loadRules(): Promise<FindSecrets> {
  const [{ lintSource }, { rules }, { secretLintProfiler }] = await Promise.all([
    import('@secretlint/core'),
    import('@secretlint/secretlint-rule-preset-recommend'),
    import('@secretlint/profiler'),
  ])
  // It would keep a record of every run for ever.
  secretLintProfiler.setEnabled(false)
  // What is searched comes from agents, and must not be able to switch the search off by a comment.
  const trusted = rules.filter(({ meta }) => !meta.id.endsWith('filter-comments')).map((rule) => ({ id: rule.meta.id, rule }))
  return async (content) => {
    const source = { content, filePath: 'text', contentType: 'text' as const }
    const { messages } = await lintSource({ source, options: { config: { rules: trusted }, noPhysicFilePath: true } })
    return messages.map(({ range: [from, to] }) => content.slice(from, to))
  }
}
