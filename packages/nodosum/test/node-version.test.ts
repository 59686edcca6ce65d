import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { requireNodeVersion } from '../src/node-version.ts'

describe('the version of Node.js', () => {
  it('is refused below the floor, in words that name both', () => {
    for (const version of ['20.20.2', '22.17.1', '18.0.0', '22.17.9']) {
      const words = `Nodosum needs Node 22.18 or newer, this is v${version}`
      expect(() => requireNodeVersion(version)).toThrow(words)
    }
  })

  it('is taken from the floor on', () => {
    for (const version of ['22.18.0', '22.20.1', '23.0.0', '24.1.0', '100.0.0']) {
      expect(() => requireNodeVersion(version)).not.toThrow()
    }
  })

  it('has the floor that the package announces', () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    expect(manifest.engines.node).toBe('>=22.18')
  })
})
