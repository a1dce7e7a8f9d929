"""From files of dialogues to token ids: readers, prompts, truncation, datasets, collator."""
