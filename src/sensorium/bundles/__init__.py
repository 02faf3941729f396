"""What a model is: a folder with bundle.toml, checked before anything is loaded from it."""
