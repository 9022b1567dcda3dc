/** What the settings of one process depend on. */
export interface SettingsOptions {
  /** Attempts at one call of the model. */
  readonly attempts: number
  /** Whether what the workspace carries may be obeyed. */
  readonly trustWorkspace: boolean
}

/** The agent's settings: it asks about everything, talks to nobody but its model, and starts nothing by itself. */
export function toSettings({ attempts, trustWorkspace }: SettingsOptions): object {
  return {
    general: {
      defaultApprovalMode: 'default',
      enableAutoUpdate: false,
      enableAutoUpdateNotification: false,
      checkpointing: { enabled: false },
      // Otherwise it deletes conversations after a while.
      sessionRetention: { enabled: false },
      plan: { enabled: false },
      topicUpdateNarration: false,
      maxAttempts: attempts,
      retryFetchErrors: attempts > 1,
    },
    privacy: { usageStatisticsEnabled: false },
    telemetry: { enabled: false },
    ide: { enabled: false },
    model: { disableLoopDetection: true, skipNextSpeakerCheck: true },
    // In a terminal the output of commands comes as a picture of the screen, which the protocol does not carry.
    tools: { sandbox: false, useRipgrep: false, disableLLMCorrection: true, shell: { enableInteractiveShell: false } },
    // What agents of its own do, nobody would see as a call.
    experimental: { enableAgents: false },
    skills: { enabled: trustWorkspace },
    hooksConfig: { enabled: trustWorkspace },
    advanced: { autoConfigureMemory: false, ignoreLocalEnv: !trustWorkspace },
    security: { folderTrust: { enabled: true }, disableYoloMode: true, disableAlwaysAllow: true },
  }
}

/** Tools that change nothing but what the agent itself remembers. Nobody is asked about them. */
export const harmlessTools = ['write_todos', 'list_background_processes', 'read_background_output'] as const

/** Tools that are not offered: other modes, and agents and instructions of which the daemon would not see what they do. */
const withheldTools = ['ask_user', 'enter_plan_mode', 'exit_plan_mode', 'invoke_agent', 'activate_skill'] as const

/**
 * The rules by which the agent asks, in its highest tier, where nothing of the user or the workspace comes before them. A rule
 * without a pattern would let the agent's own list of harmless commands count for the shell.
 */
export const policyFile = `# Written by codesdkd at every start of an agent; changes are lost.
[[rule]]
toolName = "*"
decision = "ask_user"
priority = 900

[[rule]]
toolName = "run_shell_command"
argsPattern = "."
decision = "ask_user"
priority = 901

[[rule]]
toolName = ${JSON.stringify(harmlessTools)}
decision = "allow"
priority = 902

[[rule]]
toolName = ${JSON.stringify(withheldTools)}
decision = "deny"
priority = 903
`
