import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TransportCredentials } from '@nodosum/transport'

/** Real certificates, made with openssl in a temporary directory. */
export interface Certificates {
  /** Chains to the common CA and trusts it. */
  issue(uri: string): TransportCredentials
  /** Chains to the common CA, but ended in the past. */
  issueExpired(uri: string): TransportCredentials
  /** Chains to a CA that nobody else trusts; trusts the common one. */
  issueByStranger(uri: string): TransportCredentials
  readonly caPem: string
  remove(): void
}

export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-quic-test-'))
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: 'pipe' })
  const read = (file: string): string => readFileSync(join(directory, file), 'utf8')
  let count = 0

  const makeKey = (name: string): void => {
    const curve = ['-pkeyopt', 'ec_paramgen_curve:P-256']
    openssl('genpkey', '-algorithm', 'EC', ...curve, '-out', `${name}.key`)
  }
  const makeAuthority = (name: string): void => {
    makeKey(name)
    const subject = ['-subj', `/CN=${name}`, '-days', '2']
    openssl('req', '-x509', '-new', '-key', `${name}.key`, ...subject, '-out', `${name}.crt`)
  }
  const issue = (authority: string, uri: string, dates: string[]): TransportCredentials => {
    count += 1
    const name = `leaf${count}`
    makeKey(name)
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
    const extensions = [
      `subjectAltName=URI:${uri}`,
      'extendedKeyUsage=serverAuth,clientAuth',
      'basicConstraints=CA:FALSE',
    ]
    writeFileSync(join(directory, `${name}.ext`), `${extensions.join('\n')}\n`)
    const signer = ['-cert', `${authority}.crt`, '-keyfile', `${authority}.key`]
    const files = ['-in', `${name}.csr`, '-extfile', `${name}.ext`, '-out', `${name}.crt`]
    openssl('ca', '-batch', '-config', 'ca.cnf', ...signer, '-notext', ...files, ...dates)
    return {
      certificatePem: read(`${name}.crt`),
      keyPem: read(`${name}.key`),
      caPem: read('common.crt'),
    }
  }

  writeFileSync(join(directory, 'index.txt'), '')
  writeFileSync(join(directory, 'serial'), '1000\n')
  writeFileSync(
    join(directory, 'ca.cnf'),
    '[ca]\ndefault_ca=d\n[d]\ndatabase=./index.txt\nnew_certs_dir=.\nserial=./serial\n' +
      'default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n',
  )
  makeAuthority('common')
  makeAuthority('stranger')
  return {
    issue: (uri) => issue('common', uri, ['-days', '1']),
    issueExpired: (uri) =>
      issue('common', uri, ['-startdate', '20250101000000Z', '-enddate', '20250201000000Z']),
    issueByStranger: (uri) => issue('stranger', uri, ['-days', '1']),
    caPem: read('common.crt'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
