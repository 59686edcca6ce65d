import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    'hang-watchdog-worker': 'src/adapters/hang-watchdog-worker.ts',
  },
  format: ['esm'],
  dts: true,
  clean: true,
  target: 'node22',
  platform: 'node',
})
