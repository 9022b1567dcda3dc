import { existsSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path/posix'
import GithubSlugger from 'github-slugger'

/** The headings of the side, and the page of each. */
const navigation = [
  ['Documentation', 'docs/index.html'],
  ['Getting started', 'docs/getting-started.html'],
  ['Concepts', 'docs/concepts.html'],
  ['Inspector', 'docs/inspector.html'],
  ['Command line', 'docs/command-line.html'],
  ['Client', 'packages/client/README.html'],
  ['Embedding', 'docs/embedding.html'],
  ['Runtimes', 'docs/runtimes.html'],
  ['Approvals', 'docs/approvals.html'],
  ['Security', 'docs/security.html'],
  ['Operations', 'docs/operations.html'],
  ['Troubleshooting', 'docs/troubleshooting.html'],
  ['Events', 'docs/events.html'],
  ['Comparison', 'docs/comparison.html'],
  ['Changes', 'CHANGELOG.html'],
].map(([title, page]) => ({ title, page }))

/** The README is the front page; all others keep their place, so that what is relative stays right. */
const toPage = (path) => (path === 'README.md' ? 'index.html' : path.replace(/\.md$/, '.html'))

/** Every page of the repository, as one folder that needs no server and loads nothing from elsewhere. */
export default function configure(config) {
  config.setTemplateFormats(['md'])
  config.setUseGitIgnore(false)
  for (const ignored of ['dist/**', 'packages/*/dist/**', 'test/**', 'site/**', 'examples/**']) config.ignores.add(ignored)
  for (const files of ['docs/images', 'docs/performance', 'examples', 'LICENSE']) config.addPassthroughCopy(files)
  config.addGlobalData('layout', 'page.liquid')
  config.addGlobalData('navigation', navigation)
  config.addGlobalData('eleventyComputed', {
    permalink: ({ page }) => toPage(page.inputPath.slice('./'.length)),
    title: ({ page }) => /^# (.+)$/m.exec(page.rawInput)?.[1].replaceAll('`', ''),
    up: ({ page }) => '../'.repeat(page.inputPath.split('/').length - 2),
  })
  config.amendLibrary('md', (markdown) => {
    markdown.core.ruler.push('places', ({ tokens, env }) => {
      nameHeadings(tokens)
      for (const { children } of tokens) if (children !== null) turnLinks(children, env.page.inputPath.slice('./'.length))
    })
  })
  return { dir: { input: '.', includes: 'site', output: 'dist/site' }, markdownTemplateEngine: false }
}

/** Anchors as GitHub makes them: the same links work in both places. */
function nameHeadings(tokens) {
  const slugger = new GithubSlugger()
  for (const [index, token] of tokens.entries()) {
    if (token.type !== 'heading_open') continue
    const words = tokens[index + 1].children.map(({ content }) => content).join('')
    token.attrSet('id', slugger.slug(words))
  }
}

function turnLinks(tokens, from) {
  for (const token of tokens) {
    const href = token.type === 'link_open' ? token.attrGet('href') : null
    if (href === null || /^([a-z]+:|#)/.test(href)) continue
    const [path, anchor] = href.split('#')
    const target = join(dirname(from), path)
    // A folder is no page: it is left to whoever reads the sources.
    if (existsSync(target) && statSync(target).isDirectory()) token.attrs = []
    else token.attrSet('href', relative(dirname(from), toPage(target)) + (anchor === undefined ? '' : `#${anchor}`))
  }
}
