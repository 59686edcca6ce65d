import type { LogFields, Logger } from '../core/logger.ts'

/** How much is logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Where lines go and which ones. */
export interface JsonLoggerOptions {
  /** Takes one line with its newline; default: standard output. */
  readonly write?: (line: string) => void
  /** Lines below this level are not written; default `info`. A function is asked for each line. */
  readonly level?: LogLevel | (() => LogLevel)
}

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 }

/**
 * A logger for those who bring none: one JSON object a line, with `level`, `time` (RFC 3339),
 * `msg` and the fields. An error under `err` is written as type, message, code and stack.
 */
export function jsonLogger(options: JsonLoggerOptions = {}): Logger {
  const write = options.write ?? ((line: string) => void process.stdout.write(line))
  const { level = 'info' } = options
  return loggerWith(write, typeof level === 'function' ? level : () => level, {})
}

function loggerWith(
  write: (line: string) => void,
  minimum: () => LogLevel,
  bindings: LogFields,
): Logger {
  const at =
    (level: Exclude<LogLevel, 'silent'>) =>
    (fields: LogFields, message: string): void => {
      if (rank[level] < rank[minimum()]) return
      write(`${lineOf(level, { ...bindings, ...fields }, message)}\n`)
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => loggerWith(write, minimum, { ...bindings, ...more }),
  }
}

function lineOf(level: string, fields: LogFields, message: string): string {
  const head = { level, time: new Date().toISOString(), msg: message }
  try {
    // The second spread keeps a field from replacing level, time or msg; the first their order.
    return JSON.stringify({ ...head, ...fields, ...head }, plain)
  } catch {
    // A cycle, or a getter that throws: the message is worth more than the fields.
    return JSON.stringify({ ...head, event: fields.event, fields_omitted: true }, plain)
  }
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (!(value instanceof Error)) return value
  const code = (value as { code?: unknown }).code
  return {
    type: value.name,
    message: value.message,
    ...(code === undefined ? {} : { code }),
    stack: value.stack,
    ...(value.cause === undefined ? {} : { cause: value.cause }),
  }
}
