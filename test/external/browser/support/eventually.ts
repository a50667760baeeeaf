/** Tries the assertion until it holds, and fails with its own error after so many milliseconds. */
export async function eventually(assertion: () => unknown, timeout = 60_000): Promise<void> {
  for (const end = Date.now() + timeout; ;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
