/** One frame at 60 Hz, in milliseconds. */
export const FRAME = 1000 / 60;

/** The value below which a share of all lies. */
export function at(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function told(values: number[]): string {
  return `median ${at(values, 0.5).toFixed(1)} ms, p95 ${at(values, 0.95).toFixed(1)} ms, worst ${Math.max(...values).toFixed(1)} ms`;
}
