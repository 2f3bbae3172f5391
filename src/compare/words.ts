/** Figures as people read them: three digits, whatever the size. */

/** "0.41 µs", "85.1 ms", "1.02 s" */
export function time(ms: number): string {
  if (Number.isNaN(ms)) return '–';
  if (ms >= 999.5) return `${digits(ms / 1000)} s`;
  return ms >= 0.9995 ? `${digits(ms)} ms` : `${digits(ms * 1000)} µs`;
}

/** "1.84x", "31x", "<0.01x" */
export function times(factor: number): string {
  if (factor < 0.005) return '<0.01x';
  return `${factor >= 9.95 ? Math.round(factor) : factor.toFixed(2)}x`;
}

/** "92 %" */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function digits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}
