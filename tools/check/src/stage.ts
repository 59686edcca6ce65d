import { spawn } from 'node:child_process'

/** How one stage of the whole test run ended. */
export interface StageResult {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly seconds: number
}

/** Runs a program with its output shown, and resolves to its exit code and what it printed. */
export function run(
  command: string,
  args: readonly string[],
  options: {
    env?: Readonly<Record<string, string>>
    timeoutMs?: number
    quiet?: boolean
    cwd?: string
  } = {},
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...(options.quiet === true ? { NO_COLOR: '1' } : {}), ...options.env },
      timeout: options.timeoutMs ?? 900_000,
      killSignal: 'SIGKILL',
    })
    let output = ''
    const take = (chunk: Buffer): void => {
      output += chunk.toString()
      if (options.quiet !== true) process.stdout.write(chunk)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', (error) => resolve({ code: 1, output: `${command}: ${error.message}` }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/** Runs one stage, says so before and after, and never throws. */
export async function stage(
  name: string,
  work: () => Promise<{ passed: number; failed: number }>,
): Promise<StageResult> {
  process.stdout.write(`\n=== ${name}\n`)
  const startedMs = performance.now()
  let counts = { passed: 0, failed: 1 }
  try {
    counts = await work()
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
  }
  const seconds = (performance.now() - startedMs) / 1_000
  const verdict = counts.failed === 0 ? 'ok' : 'FAILED'
  process.stdout.write(`=== ${name}: ${verdict} in ${seconds.toFixed(1)} s\n`)
  return { name, ...counts, seconds }
}

/** One pass or one failure for a program that says it by its exit code. */
export async function program(
  command: string,
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; timeoutMs?: number } = {},
): Promise<{ passed: number; failed: number }> {
  const { code } = await run(command, args, options)
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}
