// What the extension shares with the repository: the grammar and the licence.
import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
mkdirSync(at("../syntaxes"), { recursive: true });
copyFileSync(at("../../nnspec.tmLanguage.json"), at("../syntaxes/nnspec.tmLanguage.json"));
copyFileSync(at("../../../LICENSE"), at("../LICENSE"));
