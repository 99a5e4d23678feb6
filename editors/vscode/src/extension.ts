import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { LanguageClient } from "vscode-languageclient/node";
import { COMPILE, VERIFY, VIEW, failure, run } from "./commands";

let client: LanguageClient | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const commands: [string, () => Promise<void>][] = [
    ["nnspec.compile", () => task(COMPILE)],
    ["nnspec.verify", () => task(VERIFY)],
    ["nnspec.viewBeside", viewBeside],
    ["nnspec.restart", start],
  ];
  for (const [name, does] of commands) {
    context.subscriptions.push(vscode.commands.registerCommand(name, does));
  }
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("nnspec.command")) {
        await start();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

function command(): string[] {
  return vscode.workspace.getConfiguration("nnspec").get<string[]>("command", ["specc"]);
}

async function start(): Promise<void> {
  await client?.stop();
  client = undefined;
  const [program, ...args] = command();
  if (program === undefined) {
    void vscode.window.showErrorMessage("nnspec.command is empty: it names the program that runs specc");
    return;
  }
  const made = new LanguageClient(
    "nnspec",
    "nnspec",
    { command: program, args: [...args, "lsp"] },
    {
      documentSelector: [
        { scheme: "file", language: "nnspec" },
        { scheme: "untitled", language: "nnspec" },
      ],
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.nnspec") },
    },
  );
  try {
    await made.start();
    client = made;
  } catch (error) {
    const message = failure(program, error as { code?: unknown }, String(error));
    void vscode.window.showErrorMessage(`The nnspec language server did not start: ${message}`);
  }
}

/** The file that is being edited, saved. */
async function file(): Promise<string | undefined> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined || document.languageId !== "nnspec" || document.uri.scheme !== "file") {
    void vscode.window.showInformationMessage("Open an .nnspec file first.");
    return undefined;
  }
  return (await document.save()) ? document.uri.fsPath : undefined;
}

/** Run specc on the file as a task, whose output shows in the terminal and whose errors show as problems. */
async function task(what: string): Promise<void> {
  const path = await file();
  if (path === undefined) {
    return;
  }
  const [program, args] = run(command(), what, path);
  const made = new vscode.Task(
    { type: "process" },
    vscode.workspace.getWorkspaceFolder(vscode.Uri.file(path)) ?? vscode.TaskScope.Workspace,
    what,
    "specc",
    new vscode.ProcessExecution(program, args, { cwd: dirname(path) }),
    "$specc",
  );
  await vscode.tasks.executeTask(made);
}

/** The network's page beside the text; it comes from `specc view`. */
async function viewBeside(): Promise<void> {
  const path = await file();
  if (path === undefined) {
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), "nnspec-"));
  try {
    const page = join(folder, "view.html");
    const [program, args] = run(command(), VIEW, path, "-o", page);
    const wrong = await new Promise<string | undefined>((done) => {
      execFile(program, args, { cwd: dirname(path) }, (error, _, stderr) => {
        done(error === null ? undefined : failure(program, error, stderr));
      });
    });
    if (wrong !== undefined) {
      void vscode.window.showErrorMessage(wrong);
      return;
    }
    const html = await readFile(page, "utf8");
    const panel = vscode.window.createWebviewPanel("nnspec.view", "Network", vscode.ViewColumn.Beside, {
      enableScripts: true,
    });
    panel.webview.html = html;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
