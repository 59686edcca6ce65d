import type { EngineSession, Link } from '../ports.ts'
import { encodeFarewell, encodeRefusal, type Farewell } from '../wire/farewell.ts'

/** Tells the peer why the connection ends, in whatever it understands by now. */
export function sayLastWord(
  link: Link,
  session: EngineSession | null,
  role: 'dialer' | 'acceptor',
  farewell: Farewell,
): void {
  if (session !== null) session.goaway(encodeFarewell(farewell))
  else if (farewell.kind === 'refusal') link.refuse(encodeRefusal(role, farewell))
  else link.destroy()
}
