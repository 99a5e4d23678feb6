import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

const require = createRequire(import.meta.url);
const at = (path) => new URL(`../${path}`, import.meta.url);
const read = (path) => JSON.parse(readFileSync(at(path), "utf8"));
const manifest = read("package.json");
const specc = (process.env.SPECC ?? "specc").split(" ");
const there = spawnSync(specc[0], [...specc.slice(1), "--version"]).status === 0;

async function grammar() {
  const oniguruma = require("vscode-oniguruma");
  const textmate = require("vscode-textmate");
  const wasm = readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
  await oniguruma.loadWASM(wasm);
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(readFileSync(at(manifest.contributes.grammars[0].path), "utf8"), "g.json"),
  });
  return [await registry.loadGrammar("source.nnspec"), textmate.INITIAL];
}

test("every command is registered by the extension", () => {
  const code = readFileSync(at("src/extension.ts"), "utf8");
  for (const { command } of manifest.contributes.commands) {
    assert.ok(code.includes(`"${command}"`), command);
  }
});

test("the grammar tells keywords, comments and numbers apart", async () => {
  const [tokens, initial] = await grammar();
  const scopes = (line) =>
    tokens.tokenizeLine(line, initial).tokens.map((t) => [line.slice(t.startIndex, t.endIndex), t.scopes.join(" ")]);
  const scope = (line, word) => scopes(line).find(([text]) => text.trim() === word)?.[1] ?? "";
  assert.match(scope("model Net(dim: int = 8):", "model"), /keyword|storage/);
  assert.match(scope("model Net(dim: int = 8):", "8"), /constant\.numeric/);
  assert.match(scopes("x = 1  # why").at(-1)[1], /comment/);
});

test("the problem matcher reads what specc prints", { skip: !there && "specc is not installed" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "nnspec-"));
  writeFileSync(join(folder, "net.nnspec"), "model Net:\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return y\n");
  const said = spawnSync(specc[0], [...specc.slice(1), "check", "net.nnspec"], { cwd: folder, encoding: "utf8" });
  const [first, second] = said.stderr.split("\n");
  const [head, place] = manifest.contributes.problemMatchers[0].pattern;
  const top = new RegExp(head.regexp).exec(first);
  assert.deepEqual([top[head.severity], top[head.code], top[head.message]], ["error", "E0201", "nothing here is called `y`"]);
  const where = new RegExp(place.regexp).exec(second);
  assert.deepEqual([where[place.file], where[place.line], where[place.column]], ["net.nnspec", "3", "16"]);
});

test("the snippets are specs that check", { skip: !there && "specc is not installed" }, () => {
  const snippets = read("snippets/nnspec.json");
  const filled = (name) => {
    const text = snippets[name].body.join("\n");
    const values = {};
    for (const [, key, value] of text.matchAll(/\$\{(\d+):([^}]*)\}/g)) {
      values[key] ??= value;
    }
    return text.replace(/\$\{(\d+):([^}]*)\}/g, (_, key) => values[key]).replace(/\$(\d+)/g, (_, key) => values[key] ?? "");
  };
  const folder = mkdtempSync(join(tmpdir(), "nnspec-"));
  for (const name of ["model", "block", "block that is a container", "record"]) {
    const path = join(folder, "net.nnspec");
    writeFileSync(path, `${filled(name)}\n`);
    execFileSync(specc[0], [...specc.slice(1), "check", path], { stdio: "pipe" });
  }
});
