import { openSync, writeSync } from 'node:fs'
import type { Logger } from 'nodosum'

type Fields = Parameters<Logger['info']>[0]

/**
 * A logger for one file, so that the terminal stays free; a pino instance fits as well. The file
 * stays open until the process ends, as layers may have a last word after their node has closed.
 */
export class FileLogger implements Logger {
  readonly file: string
  readonly #bindings: Fields
  readonly #descriptor: number

  constructor(file: string, bindings: Fields = {}, descriptor: number = openSync(file, 'a')) {
    this.file = file
    this.#bindings = bindings
    this.#descriptor = descriptor
  }

  debug(): void {
    // Too much to be of use to who looks for the cause of a failed run.
  }

  info(fields: Fields, message: string): void {
    this.#write('info', fields, message)
  }

  warn(fields: Fields, message: string): void {
    this.#write('warn', fields, message)
  }

  error(fields: Fields, message: string): void {
    this.#write('error', fields, message)
  }

  child(bindings: Fields): Logger {
    return new FileLogger(this.file, { ...this.#bindings, ...bindings }, this.#descriptor)
  }

  #write(level: string, fields: Fields, msg: string): void {
    const entry = { level, time: new Date().toISOString(), msg, ...this.#bindings, ...fields }
    writeSync(this.#descriptor, `${JSON.stringify(entry, withErrors)}\n`)
  }
}

/** An error has no enumerable properties, and would be written as `{}`. */
function withErrors(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Error ? { ...value, message: value.message, stack: value.stack } : value
}
