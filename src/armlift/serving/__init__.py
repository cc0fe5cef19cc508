"""The live router: a Litestar application."""
