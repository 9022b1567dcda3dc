"""Runs a program at a pseudo-terminal: terminal.py <answers as JSON> <program> <arguments…>.

Each answer is [text, keys]: when the text has been written, the keys are typed. What was written goes to stdout; the exit code is the
program's own."""

import json
import os
import pty
import signal
import sys

answers = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

signal.alarm(100)
seen = b""
looked = 0
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    while answers and answers[0][0].encode() in seen[looked:]:
        text, keys = answers.pop(0)
        looked = seen.index(text.encode(), looked) + len(text.encode())
        os.write(terminal, keys.encode())
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
