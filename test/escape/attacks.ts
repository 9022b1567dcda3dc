import type { Attack } from './attack.ts'
import { files } from './attacks/files.ts'
import { kernel } from './attacks/kernel.ts'
import { resources } from './attacks/resources.ts'
import { secrets } from './attacks/secrets.ts'
import { sockets } from './attacks/sockets.ts'

/** All that is tried through the shell of an agent; one command runs all of a group. */
export const attacks: Readonly<Record<string, readonly Attack[]>> = { files, kernel, sockets, secrets, resources }
