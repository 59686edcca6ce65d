import { describe, expect, it } from 'vitest'
import { boundaries } from '../../src/rules/boundaries.ts'
import { problemsOf } from '../planted-tree.ts'

function importing(file: string, specifier: string): string[] {
  return problemsOf(boundaries, {
    [file]: `import { a } from '${specifier}'\nexport const b = a\n`,
  })
}

describe('package boundaries', () => {
  it('lets a layer import the kernel', () => {
    expect(importing('packages/streams/src/driver/session.ts', '@nodosum/kernel')).toEqual([])
    expect(importing('packages/streams/src/options.ts', '@nodosum/kernel/options')).toEqual([])
  })

  it('refuses an import of a neighbour layer', () => {
    const [problem] = importing('packages/messaging/src/driver/link.ts', '@nodosum/streams')
    expect(problem).toContain('packages/messaging/src/driver/link.ts:1')
    expect(problem).toContain('"messaging" may not import "@nodosum/streams"')
  })

  it('refuses a type-only, dynamic or re-exporting import as well', () => {
    const file = 'packages/messaging/src/link.ts'
    for (const text of [
      "import type { A } from '@nodosum/streams'\nexport type B = A\n",
      "export const load = () => import('@nodosum/streams')\n",
      "export { a } from '@nodosum/streams'\n",
    ]) {
      expect(problemsOf(boundaries, { [file]: text })).toHaveLength(1)
    }
  })

  it('lets a transport import the contract that it implements, and nobody else', () => {
    expect(importing('packages/transport-quic/src/driver/a.ts', '@nodosum/transport')).toEqual([])
    expect(importing('packages/streams/src/driver/a.ts', '@nodosum/transport')).toHaveLength(1)
  })

  it('lets the facade import every layer, and no layer the facade', () => {
    expect(importing('packages/nodosum/src/wiring.ts', '@nodosum/streams')).toEqual([])
    expect(importing('packages/streams/src/driver/a.ts', 'nodosum')).toHaveLength(1)
  })

  it('keeps Node and third parties in adapters', () => {
    expect(importing('packages/streams/src/adapters/a.ts', 'node:net')).toEqual([])
    expect(importing('packages/streams/src/driver/a.ts', 'node:net')).toHaveLength(1)
    expect(importing('packages/streams/src/driver/a.ts', 'fs')).toHaveLength(1)
    expect(importing('packages/messaging/src/adapters/a.ts', 'cbor-x')).toEqual([])
    expect(importing('packages/messaging/src/driver/a.ts', 'cbor-x')).toHaveLength(1)
  })

  it('lets options import zod', () => {
    expect(importing('packages/streams/src/options.ts', 'zod')).toEqual([])
    expect(importing('packages/streams/src/driver/a.ts', 'zod')).toHaveLength(1)
  })

  it('keeps driver code and the impure entries of the kernel out of core/ and wire/', () => {
    expect(importing('packages/streams/src/core/a.ts', '../driver/session.ts')).toHaveLength(1)
    expect(importing('packages/streams/src/wire/a.ts', '../adapters/b.ts')).toHaveLength(1)
    expect(importing('packages/streams/src/core/a.ts', '@nodosum/kernel/node')).toHaveLength(1)
    expect(importing('packages/streams/src/core/a.ts', '../wire/frame.ts')).toEqual([])
  })
})
