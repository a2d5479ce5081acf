/** Numbers with their units: bytes, rates, durations, times. SI units, three significant figures, no locale surprises. */

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `0 B`, `999 B`, `1.02 kB`, `12.3 MB`, `123 GB`: powers of 1000. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes <= 0) return '0 B';
  let value = bytes;
  let unit = 0;
  // 999.5 would round to a fourth figure: it belongs to the next unit.
  while (value >= (unit === 0 ? 1000 : 999.5) && unit < byteUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : significant(value)} ${byteUnits[unit]}`;
}

/** Bytes per second. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** A rate that is a round number, for scales: `10 MB/s`, not `10.0 MB/s`. */
export function formatRound(bytesPerSecond: number): string {
  return formatRate(bytesPerSecond)
    .replace(/\.0+ /, ' ')
    .replace(/(\.\d)0 /, '$1 ');
}

function significant(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** `0.4 ms`, `12 ms`, `1.24 s`. */
export function formatMillis(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 10 || Number.isInteger(ms) ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

export type DurationUnit = 'second' | 'minute' | 'hour' | 'day';
/** The two largest units of a duration, the second zero-padded so that columns of them line up. */
export type DurationParts = readonly { value: string; unit: DurationUnit }[];

/** Splits milliseconds into `12 s`, `3 min 04 s`, `1 h 05 min`, `2 d 03 h`; negative durations count as zero. */
export function durationParts(ms: number): DurationParts {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes === 0) return [{ value: String(seconds), unit: 'second' }];
  if (hours === 0) return pair(minutes, 'minute', seconds % 60, 'second');
  if (hours < 24) return pair(hours, 'hour', minutes % 60, 'minute');
  return pair(Math.floor(hours / 24), 'day', hours % 24, 'hour');
}

function pair(large: number, largeUnit: DurationUnit, small: number, smallUnit: DurationUnit): DurationParts {
  return [
    { value: String(large), unit: largeUnit },
    { value: String(small).padStart(2, '0'), unit: smallUnit },
  ];
}

/** `14:03:09` of today, `11-23 14:03` of another day of this year's run; local time, always 24 hours. */
export function formatTime(time: number, now: number): string {
  const date = new Date(time);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const sameDay = new Date(now).toDateString() === date.toDateString();
  return sameDay ? `${clock}:${two(date.getSeconds())}` : `${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** `2025-11-23 14:03:09`, local time: for tooltips, details and exports. */
export function formatDateTime(time: number): string {
  const date = new Date(time);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `2025-11-23`, local time. */
export function formatDate(time: number): string {
  return formatDateTime(time).slice(0, 10);
}

/** `14:03:09.127`: for logs, where order within a second matters. */
export function formatClock(time: number): string {
  const date = new Date(time);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Groups of three: `10,000`. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `host:port`, with brackets around IPv6 addresses (RFC 3986). */
export function formatEndpoint(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
