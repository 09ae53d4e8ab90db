"""The families of models that Pydantic AI reaches: what each needs installed and set.

A table of facts to look things up in before anything is imported. It holds names of environment
variables, never their values.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROVIDERS", "Provider", "provider_of"]

OWN_EXTRAS = frozenset({"anthropic", "bedrock", "google", "groq", "mistral", "openai"})


@dataclass(frozen=True, slots=True)
class Provider:
    """One family: ``name:model``."""

    name: str
    package: str
    """The provider's own package, as it is imported."""
    extra: str
    """The extra that installs it: ours if we have one of that name, else Pydantic AI's."""
    variables: tuple[str, ...]
    """Environment variables, any one of which gives access."""

    @property
    def install(self) -> str:
        """The command that installs what it needs."""
        if self.extra in OWN_EXTRAS:
            return f"pip install 'stanchion[{self.extra}]'"
        return f"pip install 'pydantic-ai-slim[{self.extra}]'"


def _compatible(name: str, *variables: str) -> Provider:
    return Provider(name, "openai", "openai", variables)


_TABLE = (
    Provider("anthropic", "anthropic", "anthropic", ("ANTHROPIC_API_KEY",)),
    Provider(
        "bedrock",
        "boto3",
        "bedrock",
        ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN"),
    ),
    Provider("cohere", "cohere", "cohere", ("CO_API_KEY",)),
    Provider("google", "google.genai", "google", ("GOOGLE_API_KEY", "GEMINI_API_KEY")),
    Provider("google-cloud", "google.genai", "google", ("GOOGLE_CLOUD_PROJECT", "GOOGLE_API_KEY")),
    Provider("groq", "groq", "groq", ("GROQ_API_KEY",)),
    Provider("huggingface", "huggingface_hub", "huggingface", ("HF_TOKEN",)),
    Provider("mistral", "mistralai", "mistral", ("MISTRAL_API_KEY",)),
    Provider("xai", "xai_sdk", "xai", ("XAI_API_KEY",)),
    _compatible("openai", "OPENAI_API_KEY"),
    _compatible("openai-chat", "OPENAI_API_KEY"),
    _compatible("alibaba", "ALIBABA_API_KEY", "DASHSCOPE_API_KEY"),
    _compatible("azure", "AZURE_OPENAI_API_KEY"),
    _compatible("cerebras", "CEREBRAS_API_KEY"),
    _compatible("crusoe", "CRUSOE_API_KEY"),
    _compatible("deepseek", "DEEPSEEK_API_KEY"),
    _compatible("fireworks", "FIREWORKS_API_KEY"),
    _compatible("github", "GITHUB_API_KEY"),
    _compatible("heroku", "HEROKU_INFERENCE_KEY"),
    _compatible("meta", "META_API_KEY"),
    _compatible("moonshotai", "MOONSHOTAI_API_KEY"),
    _compatible("nebius", "NEBIUS_API_KEY"),
    _compatible("ollama", "OLLAMA_BASE_URL"),
    _compatible("openrouter", "OPENROUTER_API_KEY"),
    _compatible("ovhcloud", "OVHCLOUD_API_KEY"),
    _compatible("sambanova", "SAMBANOVA_API_KEY"),
    _compatible("snowflake", "SNOWFLAKE_TOKEN"),
    _compatible("together", "TOGETHER_API_KEY"),
    _compatible("vercel", "VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"),
    _compatible("vllm", "VLLM_BASE_URL"),
    _compatible("zai", "ZAI_API_KEY"),
)

PROVIDERS = {provider.name: provider for provider in _TABLE}
"""By family name."""


def provider_of(spec: str) -> Provider | None:
    """Return the provider of ``family:model``, None if the family isn't known."""
    return PROVIDERS.get(spec.partition(":")[0])
