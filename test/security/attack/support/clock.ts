/**
 * Lets so many seconds pass for both ends at once: they share this process's wall clock, which is moved on. Timers are
 * not touched: the protocol goes by wall time alone. The function that comes back undoes it.
 */
export function letTimePass(seconds: number): () => void {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
  return () => {
    Date.now = now;
  };
}
