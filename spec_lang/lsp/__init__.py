"""`specc lsp`: what editors ask of a language server, answered from the checker's own results."""
