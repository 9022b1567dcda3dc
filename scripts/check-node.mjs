// Run before every script: npm puts the Node that this repository brings first on PATH, unless its install script was not allowed to run.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(`This needs Node 24 or newer, and this is ${process.version}. Mend it with: npm rebuild node --foreground-scripts`)
  process.exit(1)
}
