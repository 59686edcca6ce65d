import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const folders = ['packages', 'apps', 'tools']
  .flatMap((parent) =>
    existsSync(parent) ? readdirSync(parent).map((name) => `${parent}/${name}`) : [],
  )
  .concat('benchmarks', 'chaos', 'docs')
  .filter((folder) => existsSync(`${folder}/test`))

/** What these say of times and of processes is true only when no other test is at work. */
const alone = ['chaos/test/flood.test.ts', 'chaos/test/cluster/real-clusters.test.ts']

export default defineConfig({
  ssr: { resolve: { conditions: ['nodosum-source'] } },
  test: {
    // Tests wait for conditions; how long that takes is up to the machine.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } },
    // Most tests wait for sockets and timers more than for a core.
    maxWorkers: availableParallelism() + 1,
    projects: [
      ...folders.map((folder) => ({
        extends: true as const,
        test: {
          name: folder.replace('packages/', ''),
          include: [`${folder}/test/**/*.test.ts`],
          exclude: alone,
        },
      })),
      {
        extends: true,
        test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      thresholds: { lines: 90, functions: 90, statements: 90, branches: 85 },
    },
  },
})
