#!/usr/bin/env node
// Plain JavaScript that any Node can parse, so that an old one is told what to do instead of failing on syntax.
var major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(
    'codesdkd needs Node 24 or newer, this is ' + process.version + ': run it as `npx codesdkd` in its folder, or `npm install node@24`',
  )
  process.exit(2)
}
void import('../src/main.ts').then(function (main) {
  return main.main(process.argv.slice(2))
})
