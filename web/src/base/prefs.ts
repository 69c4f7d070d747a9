// What this browser remembers. Storage may be full, forbidden or absent: then it forgets.

const PREFIX = 'headgate.';

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Forgetting is harmless.
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function recallNumber(key: string, fallback: number): number {
  const text = recall(key);
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : fallback;
}
