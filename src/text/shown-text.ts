/** Text from outside (messages of tasks, inputs, keys, file names), made safe and short enough to show. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: it finds them
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Makes every control character visible, except tab and line feed: text from outside must not steer a
 * terminal.
 */
export function clean(text: string): string {
  return text.replace(CONTROLS, (char) => {
    const code = char.charCodeAt(0);
    return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}

/** One line of safe text, cut to a length. */
export function brief(text: string, length = 60): string {
  const line = clean(text.length > length * 4 ? text.slice(0, length * 4) : text).replace(/\s+/g, ' ');
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

/** Any input, in a few characters. */
export function showInput(input: unknown, length = 60): string {
  if (typeof input === 'string') return brief(input, length);
  for (const shown of [JSON.stringify, String]) {
    try {
      const text: unknown = shown(input);
      if (typeof text === 'string') return brief(text, length);
    } catch {
      // A cycle, or nested too deeply.
    }
  }
  return 'an input that cannot be shown';
}
