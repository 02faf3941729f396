// When to try again: soon at first, then less and less often, never all pages at the same moment.

const FIRST_MS = 250;
const MAX_MS = 8000;

/**
 * @param {number} attempt 0 for the first
 * @param {number} chance from 0 to 1
 * @returns {number} ms to wait
 */
export function delayMs(attempt, chance) {
  const longest = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(longest * (0.5 + 0.5 * chance));
}
