/** The parameters of `pattern` ("/runs/:run_id") in `path`, or null where it does not fit. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const found = path.split("/");
  if (wanted.length !== found.length) return null;
  const parameters: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    if (!part.startsWith(":")) {
      if (part !== found[i]) return null;
      continue;
    }
    try {
      parameters[part.slice(1)] = decodeURIComponent(found[i]!);
    } catch {
      return null; // No percent encoding of anything.
    }
  }
  return parameters;
}
