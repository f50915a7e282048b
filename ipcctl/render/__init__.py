"""Columns and formats: facts to text. No input, no output, no filtering."""
