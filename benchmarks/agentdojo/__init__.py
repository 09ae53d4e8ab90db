"""AgentDojo without a model: hostile planners and honest ones, played through the runtime."""
