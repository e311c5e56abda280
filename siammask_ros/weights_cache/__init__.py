"""Downloads the authors' weights by name, caches them and checks their SHA-256."""
