"""Files of dialogues in every format, encoding and shape, as rows."""
