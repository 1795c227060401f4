"""The cache of answers (cache.db): kept answers, their validity, durations of questions."""
