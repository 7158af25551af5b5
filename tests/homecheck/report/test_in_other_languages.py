"""The report in the reader's language: text and page, with a company's own words as they are."""

from __future__ import annotations

import pytest
from rich.console import Console

from homecheck.appraisal import AttestationResult, appraise
from homecheck.evidence import Evidence
from homecheck.locale import translator
from homecheck.measurement import Measurement
from homecheck.policy import Policy, parse_policy
from homecheck.report.html import PagePart, results_page
from homecheck.report.stored import stored_page, stored_text
from homecheck.report.text import measurements_text, result_text
from tests.guide import JITTER, LINK, MEMORY
from tests.ui_evidence import evidence_of

OURS = '[[requirement]]\nquantity="network.jitter"\nat_most=30.5\n'
POLICY = (
    'name="p"\nversion="1"\ntitle="Kundtjänst"\n'
    + OURS
    + '[[requirement]]\nquantity="link.type"\none_of=["ethernet"]\n'
    'reason="Wir telefonieren über Kabel and 3 more."\nadvice="yes"\n'
    '[[declaration]]\nid="door"\nquestion.en="A door?"\n'
    'question.sv="En dörr?"\nmust_be=true\n'
)


def judged(text: str = POLICY) -> tuple[Evidence, AttestationResult, Policy]:
    evidence = evidence_of(Measurement(JITTER, 41.2, 3.0), Measurement(MEMORY, 16.5, 0.0), Measurement(LINK, "wifi"))
    policy = parse_policy(text, "p")
    return evidence, appraise(evidence, policy, "sha256:00"), policy


def printed(language: str, text: str = POLICY) -> str:
    evidence, result, policy = judged(text)
    console = Console(width=160, record=True, file=None, quiet=True)
    say = translator(language)
    with console.capture() as captured:
        console.quiet = False
        console.print(result_text(result, policy.title, evidence, say, policy))
        console.print(measurements_text(evidence, say))
    return captured.get()


def test_numbers_advice_and_questions_are_swedish_and_the_companys_words_its_own() -> None:
    text = printed("sv")
    assert "41,2 ± 3,0 ms; högst 30,5 ms krävs" in text
    assert "Bedömt efter: Kundtjänst, version 1" in text
    assert "En dörr?" in text
    assert "A door?" not in text
    assert "Varför det krävs: Wir telefonieren über Kabel and 3 more." in text
    assert "16,5 GiB" in text
    assert "företagets egna ord" in text


def test_in_english_nothing_is_said_about_words() -> None:
    assert "own words" not in printed("en")


@pytest.mark.parametrize(
    ("reads", "written", "note"),
    [
        ("sv", "de", "Det som företaget har skrivit självt (skäl och råd) är på tyska."),
        ("es", "pt-BR", "Lo que la empresa ha escrito (motivos y consejos) está en portugués."),
        ("en", "de", "What the company wrote itself (reasons and advice) is in German."),
        ("sv", "sv-FI", ""),
        ("sv", "tlh", "Det som företaget har skrivit självt (skäl och råd) är på tlh."),
    ],
)
def test_in_which_language_a_company_wrote_is_told_to_whoever_reads_another(
    reads: str, written: str, note: str
) -> None:
    text = " ".join(printed(reads, f'language="{written}"\n{POLICY}').split())
    beginnings = ("Det som företaget", "Lo que la empresa ha escrito", "What the company wrote")
    assert note in text if note else not any(words in text for words in beginnings)


def test_a_policy_without_words_of_its_own_has_no_such_note() -> None:
    assert "palabras de la empresa" not in printed("es", f'name="p"\nversion="1"\n{OURS}')
    assert "palabras de la empresa" in printed("es")


@pytest.mark.parametrize(("language", "words"), [("sv", "Allt som mättes"), ("es", "Todo lo que se midió")])
def test_the_page_says_in_which_language_it_is_and_is_in_it(language: str, words: str) -> None:
    evidence, result, policy = judged()
    page = results_page([PagePart(evidence, result, policy.title, policy=policy)], translator(language))
    assert f'<html lang="{language}">' in page
    assert words in page
    assert translator(language).time(evidence.finished_at) in page
    for english in ("What to do", "Every requirement", "Where it lies", "Judged by", "needed"):
        assert english not in page


def test_what_is_stored_is_told_in_spanish_with_values_of_strangers_as_they_are() -> None:
    parts = {"devices": ({"kid": "k", "software": "homecheck <b>", "enrolled_at": "2026-01-01T00:00:00.000Z"},)}
    given = ({"title": "Voz"}, {"name": "Ada"}, parts, "2026-01-02T00:00:00.000Z", translator("es"))
    text, page = stored_text(*given), stored_page(*given)
    assert "Qué hay guardado sobre Ada en Voz, a fecha de 2026-01-02T00:00:00.000Z" in text
    assert "Sus ordenadores: 1" in text
    assert "inscrito               2026-01-01" in text
    assert '<html lang="es">' in page
    assert "homecheck &lt;b&gt;" in page
    assert "Your computers" not in page
