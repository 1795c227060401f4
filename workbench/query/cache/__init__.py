"""The cache of answers (cache.db): what is kept, when it holds, and how long questions took."""
