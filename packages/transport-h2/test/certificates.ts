import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TransportCredentials } from '@nodosum/transport'

/** Real certificates, made with openssl in a temporary directory. */
export interface Certificates {
  /** Chains to the common CA and trusts it. */
  issue(uri: string): TransportCredentials
  /** Chains to the common CA through another one that must be presented with the leaf. */
  issueByIntermediate(uri: string): TransportCredentials
  /** Chains to the common CA, but ended in the past. */
  issueExpired(uri: string): TransportCredentials
  /** Chains to a CA that nobody else trusts; trusts the common one. */
  issueByStranger(uri: string): TransportCredentials
  readonly caPem: string
  remove(): void
}

type Authority = 'common' | 'intermediate' | 'stranger'

const ended = ['-startdate', '20250101000000Z', '-enddate', '20250201000000Z']

export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-h2-test-'))
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: 'pipe' })
  const read = (file: string): string => readFileSync(join(directory, file), 'utf8')
  const write = (file: string, lines: string[]): void =>
    writeFileSync(join(directory, file), lines.map((line) => `${line}\n`).join(''))
  let count = 0

  const makeKey = (name: string): void => {
    const curve = ['-pkeyopt', 'ec_paramgen_curve:P-256']
    openssl('genpkey', '-algorithm', 'EC', ...curve, '-out', `${name}.key`)
  }
  const makeAuthority = (name: Authority): void => {
    makeKey(name)
    const subject = ['-subj', `/CN=${name}`, '-days', '2']
    openssl('req', '-x509', '-new', '-key', `${name}.key`, ...subject, '-out', `${name}.crt`)
  }
  const sign = (authority: Authority, name: string, extensions: string[], dates: string[]) => {
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
    write(`${name}.ext`, extensions)
    const signer = ['-cert', `${authority}.crt`, '-keyfile', `${authority}.key`]
    const files = ['-in', `${name}.csr`, '-extfile', `${name}.ext`, '-out', `${name}.crt`]
    openssl('ca', '-batch', '-config', 'ca.cnf', ...signer, '-notext', ...files, ...dates)
  }
  const issue = (
    authority: Authority,
    uri: string,
    dates = ['-days', '1'],
  ): TransportCredentials => {
    count += 1
    const name = `leaf${count}`
    makeKey(name)
    const usages = [
      'keyUsage=critical,digitalSignature',
      'extendedKeyUsage=serverAuth,clientAuth',
      'basicConstraints=CA:FALSE',
    ]
    sign(authority, name, [`subjectAltName=URI:${uri}`, ...usages], dates)
    const between = authority === 'intermediate' ? read('intermediate.crt') : ''
    return {
      certificatePem: read(`${name}.crt`) + between,
      keyPem: read(`${name}.key`),
      caPem: read('common.crt'),
    }
  }

  write('index.txt', [])
  write('serial', ['1000'])
  write('ca.cnf', [
    '[ca]',
    'default_ca=d',
    '[d]',
    'database=./index.txt',
    'new_certs_dir=.',
    'serial=./serial',
    'default_md=sha256',
    'policy=p',
    'unique_subject=no',
    '[p]',
    'commonName=supplied',
  ])
  makeAuthority('common')
  makeAuthority('stranger')
  makeKey('intermediate')
  const mayIssue = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']
  sign('common', 'intermediate', mayIssue, ['-days', '1'])
  return {
    issue: (uri) => issue('common', uri),
    issueByIntermediate: (uri) => issue('intermediate', uri),
    issueExpired: (uri) => issue('common', uri, ended),
    issueByStranger: (uri) => issue('stranger', uri),
    caPem: read('common.crt'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
