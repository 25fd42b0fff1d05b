"""Programs that a language model writes."""
