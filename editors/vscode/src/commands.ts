// What the commands run: no import of the editor, so that it is tested without one.

export const COMPILE = "compile";
export const VERIFY = "verify";
export const VIEW = "view";

/** The arguments of a run of specc on a file; those before it are the settings' own. */
export function run(command: readonly string[], what: string, file: string, ...more: string[]): [string, string[]] {
  const [program, ...first] = command;
  if (program === undefined || program === "") {
    throw new Error("nnspec.command is empty: it names the program that runs specc");
  }
  return [program, [...first, what, ...more, "--", file]];
}

/** What a terminal or a message says of a run that ended badly. */
export function failure(program: string, error: { code?: unknown } | null, stderr: string): string {
  if (error?.code === "ENOENT") {
    return `${program} is not there: pip install 'spec-lang[lsp]', or set nnspec.command`;
  }
  const lines = stderr.trim().split("\n");
  return lines.find((line) => /^(error|warning)\b/.test(line)) ?? lines.at(-1) ?? String(error);
}
