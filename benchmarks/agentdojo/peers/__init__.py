"""The only code that imports agentdojo."""
