// An agent without a will of its own: what the daemon says goes to a socket, and what comes from there goes to the daemon.
import { connect } from 'node:net'

const socket = connect(process.argv[2])
process.stdin.pipe(socket)
socket.pipe(process.stdout)
socket.on('error', () => process.exit(1))
socket.on('close', () => process.exit(0))
