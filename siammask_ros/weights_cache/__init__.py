"""The authors' weights by name: fetched once, remembered by their hash, checked ever after."""
