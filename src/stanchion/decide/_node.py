"""What a decision node asks and how its answers become a decision.

Confidence is the probability of the chosen option where the model scores its choices, the joint
probability of the answer's values where it reports its tokens', and otherwise the share of repeated
samples that agree (self-consistency, Wang et al. 2022). None of them is calibrated by itself.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel

from stanchion.decide._calibration import Calibration
from stanchion.decide._value_tokens import value_probability
from stanchion.errors import ContractError
from stanchion.ledger import Codec, Sections, canonical, codec_for, digest
from stanchion.models import ModelResponse, TokenChoice
from stanchion.values import Decision, Message, TextPart

__all__ = ["Node", "Options", "combine_samples", "options_of", "read_response"]

FORM = 1
"""How a node asks and reads: a change here voids every certificate."""

SAMPLES = 5
"""Answers drawn when a model reports no probabilities."""


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: the members of an enum, or any value of a model."""

    type: type[Any]
    names: tuple[str, ...]
    """The choices as the model sees them; empty for a Pydantic model."""
    schema: Mapping[str, Any] | None
    codec: Codec[Any]

    def parse(self, text: str) -> Any:
        """Return the value that an answer stands for; raise EncodingError if none."""
        plain = text if self.names else json.loads(text)
        return self.codec.decode(json.dumps(plain).encode(), what="decision")

    def show(self, value: Any) -> str:
        """Return a value as a model writes it."""
        data = self.codec.encode(value).data
        return str(json.loads(data)) if self.names else data.decode()


@dataclass(frozen=True, slots=True)
class Node:
    """One decision to take."""

    options: Options
    question: str
    evidence: str
    examples: tuple[tuple[str, Any], ...] = ()
    calibration: Calibration | None = None
    index: str = ""
    """The version of what the evidence or the examples were retrieved from, if they were."""

    @property
    def choices(self) -> tuple[str, ...]:
        """What the model chooses among; empty where it fills a schema."""
        return self.options.names if self.calibration is None else self.calibration.words

    @property
    def pinned(self) -> tuple[str, ...]:
        """What the model must be sent word for word."""
        asked = self.question if self.calibration is None else self.calibration.instruction
        return tuple(filter(None, (asked, self.evidence)))

    def sections(self) -> Sections:
        """Return the prompt: the question and the options, then examples, then the evidence."""
        if self.calibration is not None:
            shown = self.calibration.examples
            return _prompt(self.calibration.instruction, shown, self.evidence)
        system = self.question
        if self.options.names:
            system += "\nAnswer with one of: " + ", ".join(self.options.names) + "."
        shown = tuple((text, self.options.show(value)) for text, value in self.examples)
        return _prompt(system, shown, self.evidence)

    def identity(self, model: str) -> str:
        """Return the hex digest of what decides: everything but the evidence.

        ``model`` is the version that answered, as the adapter reports it.
        """
        shown = [[text, self.options.show(value)] for text, value in self.examples]
        decides = {
            "v": FORM,
            "model": model,
            "question": self.question,
            "options": list(self.options.names) or self.options.schema,
            "examples": shown,
            "calibration": None if self.calibration is None else asdict(self.calibration),
            "index": self.index,
            "samples": SAMPLES,
        }
        return digest(canonical(decides, what="a decision node")).hex()

    def read(self, response: ModelResponse) -> Decision[Any] | None:
        """Return the decision of one answer, or None if it carries no probabilities.

        An answer of another model version than the calibration's has confidence zero.
        """
        if self.calibration is None:
            return read_response(self.options, response)
        ranked = self.calibration.probabilities(dict(response.choices))
        best, share = ranked[0]
        known = response.model == self.calibration.model
        return Decision(self.options.parse(best), share if known else 0.0, ranked)


def _prompt(instruction: str, shown: Sequence[tuple[str, str]], evidence: str) -> Sections:
    turns: list[Message] = []
    for text, answer in shown:
        turns.append(_message("user", text))
        turns.append(_message("assistant", answer))
    turns.append(_message("user", evidence))
    return {"system": [_message("system", instruction)], "turns": turns}


def options_of(type_: type[Any]) -> Options:
    """Return the options of an enum with text values, or of a Pydantic model."""
    if issubclass(type_, Enum):
        names = tuple(member.value for member in type_)
        if not names or not all(isinstance(name, str) for name in names):
            raise ContractError(
                f"{type_.__name__} can't be decided over: its members need text values",
                remedy='use a StrEnum, for example REFUND = "refund"',
            )
        return Options(type_, names, None, codec_for(type_))
    if issubclass(type_, BaseModel):
        return Options(type_, (), codec_for(type_).schema(), codec_for(type_))
    raise ContractError(
        f"{type_.__name__} can't be decided over",
        remedy="use an Enum with text values or a Pydantic model",
    )


def read_response(options: Options, response: ModelResponse) -> Decision[Any] | None:
    """Return the decision of one answer, or None if the model gave no probabilities."""
    if response.choices:
        best, probability = response.choices[0]
        return Decision(options.parse(best), probability, response.choices)
    if response.tokens:
        return Decision(options.parse(_text(response)), _joint(response.tokens))
    return None


def _joint(tokens: Sequence[TokenChoice]) -> float:
    """Return how likely an answer was: its values where it is JSON, else all of it."""
    of_values = value_probability(tokens)
    if of_values is not None:
        return of_values
    return math.exp(min(0.0, sum(token.logprob for token in tokens)))


def combine_samples(options: Options, responses: Sequence[ModelResponse]) -> Decision[Any]:
    """Return the most frequent answer with its share."""
    counts = Counter(options.show(options.parse(_text(r))) for r in responses)
    ranked = tuple((name, count / len(responses)) for name, count in counts.most_common())
    best, share = ranked[0]
    return Decision(options.parse(best), share, ranked, "repeated_samples")


def _text(response: ModelResponse) -> str:
    return "".join(p.content for p in response.message.parts if isinstance(p, TextPart)).strip()


def _message(role: Any, text: str) -> Message:
    return Message(role, (TextPart(text),))
