import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', node: 'src/node.ts', options: 'src/options.ts' },
  format: ['esm'],
  dts: true,
  clean: true,
  target: 'node22',
  platform: 'node',
})
