/** Paths of files as URLs. */
import { SdkCode, UnosysApiError } from './errors.ts'

export const filesRoute = '/v1/files'

/**
 * The route of an absolute path. Each name is percent-encoded alone.
 *
 * `.` and `..` are refused here: a URL with them would be resolved on the way, and lead to another
 * file than the Processor refuses them for.
 *
 * @throws UnosysApiError `filesystem/bad-path`
 */
export function routeOf(path: string): string {
  if (!path.startsWith('/')) throw badPath(path, 'a path begins with a slash')
  const names = path.split('/')
  if (names.some((name) => name === '.' || name === '..')) {
    throw badPath(path, 'a path must not contain . or .. as a name')
  }
  if (!path.isWellFormed()) throw badPath(path, 'a name contains an unpaired surrogate')
  return filesRoute + names.map(encodeURIComponent).join('/')
}

const badPath = (path: string, why: string): UnosysApiError =>
  new UnosysApiError('filesystem/bad-path', why, { status: 400, detail: { path } })

/** The base address, without a path. @throws UnosysApiError `sdk/bad-answer` if it is no URL. */
export function originOf(api: string): string {
  const url = URL.canParse(api) ? new URL(api) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url.origin
  throw new UnosysApiError(
    SdkCode.BadAnswer,
    `${api} is not an address like http://127.0.0.1:7300`,
    {
      status: 0,
    },
  )
}
