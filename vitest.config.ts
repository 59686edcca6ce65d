import { existsSync, readdirSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

const folders = ['packages', 'apps', 'tools']
  .flatMap((parent) =>
    existsSync(parent) ? readdirSync(parent).map((name) => `${parent}/${name}`) : [],
  )
  .concat('benchmarks', 'chaos', 'docs')
  .filter((folder) => existsSync(`${folder}/test`))

export default defineConfig({
  ssr: { resolve: { conditions: ['nodosum-source'] } },
  test: {
    // Tests wait for conditions; how long that takes is up to the machine.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } },
    projects: folders.map((folder) => ({
      extends: true,
      test: { name: folder.replace('packages/', ''), include: [`${folder}/test/**/*.test.ts`] },
    })),
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      thresholds: { lines: 90, functions: 90, statements: 90, branches: 85 },
    },
  },
})
