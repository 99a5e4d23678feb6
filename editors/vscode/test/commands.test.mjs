import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";

const { failure, run } = createRequire(import.meta.url)("../out/commands.js");

test("a command runs specc as the settings say, and a file's name is no option", () => {
  assert.deepEqual(run(["specc"], "compile", "-x.nnspec"), ["specc", ["compile", "--", "-x.nnspec"]]);
  assert.deepEqual(run(["python", "-m", "spec_lang"], "view", "a.nnspec", "-o", "b.html"), [
    "python",
    ["-m", "spec_lang", "view", "-o", "b.html", "--", "a.nnspec"],
  ]);
  assert.throws(() => run([], "compile", "a.nnspec"), /nnspec.command is empty/);
});

test("a run that fails says its first error", () => {
  assert.equal(failure("specc", null, "error[E0201]: nothing\n --> a:1:1\n"), "error[E0201]: nothing");
  assert.match(failure("specc", Object.assign(new Error("x"), { code: "ENOENT" }), ""), /pip install/);
});
