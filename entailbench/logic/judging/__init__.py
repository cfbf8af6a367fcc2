"""Which label a question of a given text has, and how surely: readings held against a yardstick, then proved."""
