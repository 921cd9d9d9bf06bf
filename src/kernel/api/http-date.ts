/** IMF-fixdate of RFC 9110 section 5.6.7, by arithmetic: the kernel has no `Date`. */

const dayNames = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const
const monthNames = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
] as const

const dayMs = 86_400_000
const two = (value: number): string => String(value).padStart(2, '0')

/**
 * Days since 1970-01-01 to a civil date (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms").
 */
function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1
  const month = monthIndex < 10 ? monthIndex + 2 : monthIndex - 10
  return { year: yearOfEra + era * 400 + (month <= 1 ? 1 : 0), month, day }
}

/** `Tue, 24 Nov 2026 01:39:34 GMT` of milliseconds since 1970 (not negative). */
export function httpDate(wallMs: number): string {
  const days = Math.floor(wallMs / dayMs)
  const seconds = Math.floor((wallMs - days * dayMs) / 1_000)
  const { year, month, day } = civil(days)
  const time = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  const date = `${two(day)} ${monthNames[month]} ${String(year).padStart(4, '0')}`
  return `${dayNames[days % 7]}, ${date} ${time.map(two).join(':')} GMT`
}
