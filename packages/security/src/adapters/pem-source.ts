import { open } from 'node:fs/promises'
import { NodosumError } from '@nodosum/kernel'

/** Text and where it came from, for messages. */
export interface PemText {
  readonly text: string
  /** For example `identity.keyFile (/etc/tls/tls.key)`. */
  readonly where: string
}

type PemKind = 'certificate' | 'key' | 'ca'

/** Largest file of certificates or keys. */
export const pemFileBytesMax = 1_048_576

/**
 * Takes the text, or reads the file.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID neither or both are given, or the file cannot be read
 */
export async function readPemSource(
  kind: PemKind,
  file: string | undefined,
  text: string | undefined,
): Promise<PemText> {
  const option = `identity.${kind}`
  if ((file === undefined) === (text === undefined)) {
    const amount = file === undefined ? 'neither is' : 'both are'
    throw invalid(`Set either ${option}File or ${option} (PEM text): ${amount} set.`)
  }
  if (text !== undefined) {
    if (text.length > pemFileBytesMax) throw invalid(`${option} is longer than 1 MiB.`)
    return { text, where: option }
  }
  return readPemFile(`${option}File`, file as string)
}

async function readPemFile(option: string, file: string): Promise<PemText> {
  const where = `${option} (${file})`
  try {
    const handle = await open(file, 'r')
    try {
      const bytes = Buffer.alloc(pemFileBytesMax + 1)
      let length = 0
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = (await handle.read(bytes, length, bytes.length - length)).bytesRead
      }
      if (length > pemFileBytesMax) throw invalid(`${where} is larger than 1 MiB.`)
      return { text: bytes.toString('latin1', 0, length), where }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof NodosumError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new NodosumError(
      'ERR_NODOSUM_CONFIG_INVALID',
      `${where} cannot be read: ${remedies.get(code ?? '') ?? message}.`,
      { cause: error, details: { file, reason: code ?? 'unknown' } },
    )
  }
}

const remedies: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file; correct the path, or mount the secret'],
  ['EACCES', 'this user may not read it; change its owner or mode'],
  ['EISDIR', 'it is a directory; name the file in it'],
])

function invalid(message: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
}
