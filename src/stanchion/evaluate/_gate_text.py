"""A gate's report for CI: JUnit for its tables, Markdown for its comments, words for both."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from stanchion.evaluate._gate import GateReport, MetricVerdict, Verdict

__all__ = ["in_words", "junit", "markdown"]


def in_words(found: MetricVerdict) -> str:
    """Say in a sentence what the verdict on a metric rests on."""
    limits = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    told = f"{limits} against a margin of -{found.margin:g}, {found.cases} cases"
    if found.unscored:
        told += f", {found.unscored} of them without a score and counted as the worst"
    match found.verdict:
        case Verdict.PASS:
            return f"passes: {told}"
        case Verdict.FAIL:
            return f"fails: {told}"
        case Verdict.INCONCLUSIVE if found.more is None:
            return f"inconclusive: {told}; how many would settle it can't be foreseen"
        case Verdict.INCONCLUSIVE:
            return f"inconclusive: {told}; about {found.more} more would settle it"


def junit(report: GateReport) -> str:
    """Return a JUnit report: a test per metric; inconclusive is an error, for it is no pass."""
    counts = [sum(each.verdict is v for each in report.metrics) for v in Verdict]
    suite = ET.Element(
        "testsuite",
        name="stanchion eval gate",
        tests=str(len(report.metrics)),
        failures=str(counts[1]),
        errors=str(counts[2]),
    )
    for each in report.metrics:
        test = ET.SubElement(suite, "testcase", classname="gate", name=_legal(each.metric))
        if each.verdict is not Verdict.PASS:
            tag = "failure" if each.verdict is Verdict.FAIL else "error"
            ET.SubElement(test, tag, type=each.verdict, message=in_words(each))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def markdown(report: GateReport) -> str:
    """Return a table for a pull request's comment."""
    rows = [
        f"| {_cell(each.metric)} | {each.verdict} | {each.value:+.3f} | {each.low:+.3f} to "
        f"{each.high:+.3f} | -{each.margin:g} | {each.cases} | {_more(each)} |"
        for each in report.metrics
    ]
    head = "| metric | verdict | difference | limits | margin | cases | more needed |"
    return "\n".join(
        [f"**Gate: {report.verdict}**", "", head, "|---|---|--:|--:|--:|--:|--:|", *rows, ""]
    )


def _more(found: MetricVerdict) -> str:
    return "unknown" if found.more is None else str(found.more or "")


def _cell(text: str) -> str:
    """Return a name that stays in its cell and is only text."""
    escaped = "".join(f"\\{c}" if c in r"\`*_{}[]<>()#+!|" else c for c in text)
    return " ".join(escaped.split())


def _legal(text: str) -> str:
    """Return a name without the control characters that XML can't hold."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
