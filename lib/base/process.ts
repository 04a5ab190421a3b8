/** The longest delay that a timer takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Keeps the process alive until the returned function is called: timers of a Clock do not, and whoever awaits
 * an answer must not find the process gone in the middle of a backoff.
 */
export function holdProcess(): () => void {
  const timer = setInterval(() => undefined, TIMER_MS_MAX);
  return () => clearInterval(timer);
}
