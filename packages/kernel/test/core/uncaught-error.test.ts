import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsup'
import { describe, expect, it, onTestFinished } from 'vitest'

describe('an error that nobody catches', () => {
  it('prints as a NodosumError, with its code, also from the built package', async () => {
    const outDir = mkdtempSync(join(tmpdir(), 'nodosum-kernel-'))
    onTestFinished(() => rmSync(outDir, { recursive: true, force: true }))
    const entry = { index: join(import.meta.dirname, '../../src/index.ts') }
    await build({
      entry,
      outDir,
      outExtension: () => ({ js: '.mjs' }),
      dts: false,
      silent: true,
      config: join(import.meta.dirname, '../../tsup.config.ts'),
    })
    const program = `
      import { NodosumError } from '${join(outDir, 'index.mjs')}'
      throw new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'this node is closed')`
    const printed = await new Promise<string>((resolve) => {
      const argv = ['--input-type=module', '--eval', program]
      execFile(process.execPath, argv, (_error, _stdout, stderr) => resolve(stderr))
    })
    expect(printed).toContain('\nNodosumError: this node is closed\n')
    expect(printed).toContain(`code: 'ERR_NODOSUM_SHUT_DOWN'`)
    expect(printed).not.toContain('_NodosumError')
  })
})
