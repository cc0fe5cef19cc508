"""The pages, one module each; `build(view)` makes one for a session."""
