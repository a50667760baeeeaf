/** Whether a request uploads a file: its body stays as it is, whatever its type. */
export function isUpload(url = ''): boolean {
  return /^\/files(?:[/?]|$)/.test(url);
}
