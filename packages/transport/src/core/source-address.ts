/**
 * Whom a limit per source counts together: an IPv4 address, or the /64 of an IPv6 one, of which
 * one machine usually has all.
 */
export function sourceOf(host: string): string {
  if (!host.includes(':')) return host
  const [address = ''] = host.split('%')
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  // An IPv4 address at the end stands for two groups.
  const afterGroups = after.length + (after.at(-1)?.includes('.') === true ? 1 : 0)
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - afterGroups)
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after]
  return groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')
}
