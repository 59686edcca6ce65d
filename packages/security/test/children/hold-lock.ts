/** Takes the lock file named on the command line, says so, and keeps it until it is killed. */
import { withFileLock } from '../../src/adapters/file-lock.ts'

const [, , path = ''] = process.argv
await withFileLock(path, 10_000, async () => {
  process.stdout.write('held\n')
  await new Promise(() => setInterval(() => {}, 60_000))
})
