"""An HTTP server of summaries, with the interface of OpenAI clients."""
