import { defineConfig } from 'vite'

/** The page stands at `<prefix>/inspector` and its files below that: all addresses in it are relative, so that it works behind any prefix. */
export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'baseline-widely-available',
    // A policy that names no `data:` for styles and scripts stays as short as it is.
    assetsInlineLimit: 0,
    modulePreload: false,
    assetsDir: '.',
    license: { fileName: 'licenses.md' },
    // zod makes code of schemas where it may: the policy of the page forbids it, and tells of each try.
    rolldownOptions: { output: { banner: 'globalThis.__zod_globalConfig = { jitless: true };' } },
  },
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === 'html' ? `inspector/${file}` : { relative: true }),
  },
})
