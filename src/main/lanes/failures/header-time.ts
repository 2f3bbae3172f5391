/**
 * Reads numbers and times in headers.
 *
 * Each function returns undefined for what it cannot read exactly. None guesses or throws, and no result is
 * negative or infinite. `Date.parse` alone will not do: it reads an asctime date, which means GMT, as local
 * time, and "soon 5" as a day in May.
 */

/** A larger number is neither a time in ms nor a limit. */
const MOST = Number.MAX_SAFE_INTEGER;
/** From here on a number is a point in time: seconds since 1970 (not 31 years), then ms since 1970. */
const EPOCH_SECONDS = 1e9;
const EPOCH_MS = 1e11;
/** The year 5138. */
const LAST_EPOCH_MS = 1e14;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** The three forms of RFC 9110, 5.6.7: IMF-fixdate, RFC 850, asctime. */
const IMF_DATE = /^[a-z]{3}, (\d{2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:gmt|utc)$/i;
const RFC850_DATE = /^[a-z]{6,9}, (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) gmt$/i;
const ASCTIME_DATE = /^[a-z]{3} ([a-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i;
const RFC3339_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i;
const DURATION = /(\d+(?:\.\d+)?)(ms|us|µs|s|m|h|d)/gy;
const UNIT_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  µs: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Reads a decimal number without sign and exponent. */
export function plainNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(?:\.\d+)?$/.test(text) ? usable(Number(text)) : undefined;
}

/** Reads a number of seconds, as ms. */
export function secondsMs(text: string | undefined): number | undefined {
  const seconds = plainNumber(text);
  return seconds === undefined ? undefined : usable(seconds * 1000);
}

/** Reads an HTTP date in any of its three forms, as ms since 1970. */
export function httpDate(text: string | undefined, epochMs: number): number | undefined {
  if (text === undefined) return undefined;
  const imf = IMF_DATE.exec(text);
  if (imf !== null) return utc(imf[3], imf[2], imf[1], imf.slice(4));
  const asctime = ASCTIME_DATE.exec(text);
  if (asctime !== null) return utc(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
  const rfc850 = RFC850_DATE.exec(text);
  if (rfc850 === null) return undefined;
  // A year more than 50 years ahead means the century before (RFC 9110).
  const thisYear = new Date(epochMs).getUTCFullYear();
  let year = thisYear - (thisYear % 100) + Number(rfc850[3]);
  if (year > thisYear + 50) year -= 100;
  return utc(String(year), rfc850[2], rfc850[1], rfc850.slice(4));
}

/** Reads `Retry-After`: seconds or an HTTP date. */
export function retryAfterMs(text: string | undefined, epochMs: number): number | undefined {
  return secondsMs(text) ?? from(httpDate(text, epochMs), epochMs);
}

/** Reads a duration of one or more parts, `6m0s` or `12ms`; a plain number means seconds. */
export function durationMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let total = 0;
  let end = 0;
  for (const part of text.matchAll(DURATION)) {
    total += Number(part[1]) * (UNIT_MS[part[2] as string] ?? Number.NaN);
    end = part.index + part[0].length;
  }
  return end > 0 && end === text.length ? usable(total) : secondsMs(text);
}

/**
 * Reads when a window ends, as ms from now. Forms: seconds, seconds or ms since 1970, a duration, RFC 3339,
 * an HTTP date.
 */
export function resetMs(text: string | undefined, epochMs: number): number | undefined {
  const number = plainNumber(text);
  if (number !== undefined && number >= EPOCH_SECONDS) {
    const moment = number >= EPOCH_MS ? number : number * 1000;
    return moment < LAST_EPOCH_MS ? from(moment, epochMs) : undefined;
  }
  if (text !== undefined && RFC3339_TIME.test(text))
    return from(Date.parse(text.toUpperCase().replace(' ', 'T')), epochMs);
  return durationMs(text) ?? from(httpDate(text, epochMs), epochMs);
}

function utc(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly string[],
): number | undefined {
  const at = MONTHS.indexOf((month ?? '').toLowerCase());
  const [hours, minutes, seconds] = time.map(Number) as [number, number, number];
  const isTime = hours < 24 && minutes < 60 && seconds <= 60;
  const ms = Date.UTC(Number(year), at, Number(day), hours, minutes, seconds);
  // Date.UTC carries the 31st of June over to July.
  const isDay = at >= 0 && new Date(ms - seconds * 1000).getUTCDate() === Number(day);
  return isTime && isDay ? ms : undefined;
}

function from(moment: number | undefined, epochMs: number): number | undefined {
  return moment === undefined ? undefined : usable(Math.max(0, moment - epochMs));
}

function usable(value: number): number | undefined {
  return value >= 0 && value <= MOST ? value : undefined;
}
