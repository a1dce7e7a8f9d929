"""Carrying a model elsewhere: merged weights, GGUF, Ollama, the hub."""
