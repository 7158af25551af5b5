"""`homecheck policy`: list, show and lint, for people and for programs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from homecheck.cli import run
from homecheck.errors import PolicyError
from homecheck.policy import PRESETS, load_policy, parse_policy
from homecheck.policy_lint import remarks_on

HEAD = 'name = "mine"\nversion = "1"\n'
WORDS = 'reason = "r"\nsource = "s"\nadvice = "a"\n'


def policy(*args: str) -> int:
    return run(["policy", *args])


def file(tmp_path: Path, text: str) -> str:
    (tmp_path / "mine.toml").write_text(HEAD + text, encoding="utf-8")
    return str(tmp_path / "mine.toml")


def requirement(quantity: str, limits: str, words: str = WORDS) -> str:
    return f'[[requirement]]\nquantity = "{quantity}"\n{limits}\n{words}'


def target(name: str = "crm", host: str = "crm.example.com", port: int = 443, protocol: str = "tls") -> str:
    return f'[[target]]\nname = "{name}"\nhost = "{host}"\nport = {port}\nprotocol = "{protocol}"\n'


def test_all_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert policy("list") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in PRESETS)


def test_the_list_is_json_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert policy("list", "--output", "json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [preset["name"] for preset in listed] == list(PRESETS)
    assert listed[0]["digest"] == load_policy(PRESETS[0]).digest


def test_a_policy_is_shown_with_limit_unit_reason_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert policy("show", "strict-wired") == 0
    out = capsys.readouterr().out
    assert "Round-trip time: at most 120 ms, better 50 ms or less (required, self-reported)" in out
    assert "How the headset is connected: wired (required" in out
    assert "VPN in use: no (required" in out
    assert "Source: Business Hero" in out
    assert "Asked: Do you work in a room with a door" in out


@pytest.mark.parametrize("name", PRESETS)
def test_a_shown_policy_can_be_saved_and_used(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert policy("show", name, "--output", "toml") == 0
    shown = capsys.readouterr().out
    assert parse_policy(shown, "copy.toml") == load_policy(name)
    assert policy("show", name, "--output", "json") == 0
    members = json.loads(capsys.readouterr().out)
    assert members.pop("digest") == load_policy(name).digest
    assert len(members["requirement"]) == len(tomllib.loads(shown)["requirement"])


def test_an_own_file_is_shown_as_it_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(tmp_path, "# because\n" + requirement("network.loss", "at_most = 1"))
    assert policy("show", path, "--output", "toml") == 0
    assert capsys.readouterr().out == Path(path).read_text(encoding="utf-8")


def test_an_unknown_preset_is_an_error_with_the_names_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert policy("show", "voice-standart") == 1
    err = capsys.readouterr().err
    assert "voice-standart: there is neither a policy" in err
    assert "voice-standard" in err


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_no_mistakes_and_give_no_cause_for_remarks(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[3] / "homecheck" / "policies" / f"{name}.toml"
    assert policy("lint", str(path)) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "0 remarks" in captured.out


MISTAKES = {
    "misspelt key": (requirement("room.noise", "atmost = 3"), "mine.toml: room.noise: unknown key 'atmost'", ""),
    "misspelt quantity": (
        requirement("network.downlaod", "at_least = 3"),
        "mine.toml: network.downlaod: there is no such quantity",
        "Did you mean network.download?",
    ),
    "a name for a region": (
        requirement("place.region", 'one_of = ["Texas"]'),
        "mine.toml: place.region: 'Texas' is no region",
        "Did you mean US-TX (Texas, United States)?",
    ),
    "no region": (requirement("network.region", 'equals = "US-XX"'), "'US-XX' is no region", "ISO 3166"),
    "nothing like it": (requirement("qqqqq", "at_least = 3"), "mine.toml: qqqqq: there is no such", "homecheck probes"),
    "target that is not named": (requirement("reach.crm", "equals = true"), "reach.crm: there is no such quantity", ""),
    "limit of a target": (
        target() + requirement("reach.crm", "at_least = 3"),
        "reach.crm: a limit for numbers",
        "yes/no",
    ),
    "target with a dot": (
        target(name="c.rm") + requirement("network.rtt", "at_most = 9"),
        "a name of letters, digits, - and _ is needed",
        "reach.softphone",
    ),
    "target at home": (
        target(host="192.168.1.1") + requirement("network.rtt", "at_most = 9"),
        "target crm: 192.168.1.1 is a private address",
        "a public one",
    ),
    "target for all": (
        target(host="239.255.255.250") + requirement("network.rtt", "at_most = 9"),
        "239.255.255.250 is a multicast address",
        "a public one",
    ),
    "declaration not asked": (requirement("declaration.x", "equals = true"), "declaration.x: there is no such", ""),
    "number for a text": (
        requirement("headset.transport", "at_least = 3"),
        "headset.transport: a limit for numbers is set, and it is none",
        "of the kind text",
    ),
    "text for a number": (
        requirement("network.rtt", 'one_of = ["low"]'),
        "network.rtt: low can never be its value",
        "",
    ),
    "text for yes or no": (
        requirement("network.udp", 'equals = "yes"'),
        "network.udp: yes can never be its value",
        "of the kind yes/no",
    ),
    "one for yes": (requirement("network.udp", "equals = 1"), "network.udp: 1 can never be its value", ""),
    "yes for a number": (requirement("network.rtt", "equals = true"), "network.rtt: yes can never be its value", ""),
}


@pytest.mark.parametrize(("text", "message", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_lint_names_a_mistake_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str, advice: str
) -> None:
    assert policy("lint", file(tmp_path, text)) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert advice in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("severity", "result"), [("required", "everybody stays undecided"), ("advisory", "everybody gets a remark")]
)
def test_a_known_quantity_that_no_installed_probe_measures_is_remarked_on(severity: str, result: str) -> None:
    asked = f'equals = true\nseverity = "{severity}"'
    mine = parse_policy(HEAD + requirement("security.firewall", asked), "mine.toml")
    remarks = list(remarks_on(mine, {"host.memory"}))
    assert remarks == [f"security.firewall: no installed probe measures it, so {result}"]


REMARKS = {
    "no reason": (requirement("network.rtt", "at_most = 9", 'source = "s"\nadvice = "a"'), "network.rtt: no reason"),
    "no source": (requirement("network.rtt", "at_most = 9", 'reason = "r"\nadvice = "a"'), "network.rtt: no source"),
    "no advice": (requirement("network.rtt", "at_most = 9", 'reason = "r"\nsource = "s"'), "network.rtt: no advice"),
    "twice": (
        requirement("network.rtt", "at_most = 9") + requirement("network.rtt", "at_most = 8"),
        "network.rtt: stands 2 times; all of them count",
    ),
    "target that nobody asks for": (
        target() + requirement("network.rtt", "at_most = 9"),
        "target crm: no requirement asks for reach.crm, so nobody tries it",
    ),
    "UDP that may answer nothing": (
        target(protocol="udp", port=9000) + requirement("reach.crm", "equals = true"),
        "target crm: is asked by STUN; if it answers none, everybody stays undecided (see probe)",
    ),
    "target on this computer": (
        target(host="127.0.0.1") + requirement("reach.crm", "equals = true"),
        "target crm: 127.0.0.1 is tried only where the collector is on the same computer",
    ),
    "question without a reason": (
        '[[declaration]]\nid = "a"\nquestion.en = "?"\n',
        "declaration a: no reason is given",
    ),
}


@pytest.mark.parametrize(("text", "remark"), REMARKS.values(), ids=REMARKS)
def test_lint_remarks_on_what_is_allowed_and_unwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, remark: str
) -> None:
    assert policy("lint", file(tmp_path, text)) == 0
    captured = capsys.readouterr()
    assert f"mine.toml: {remark}" in captured.err or remark in captured.err
    assert ", 1 remark." in captured.out


def test_a_target_of_the_policy_may_be_required(tmp_path: Path) -> None:
    assert policy("lint", file(tmp_path, target() + requirement("reach.crm", "equals = true"))) == 0


def test_a_policys_targets_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert policy("show", file(tmp_path, target() + requirement("reach.crm", "equals = true"))) == 0
    shown = capsys.readouterr().out
    assert "Reaches crm: yes" in shown
    assert "crm: crm.example.com:443 (tls)" in shown


def test_a_missing_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert policy("lint", str(tmp_path / "gone.toml")) == 1
    assert "gone.toml" in capsys.readouterr().err


def test_a_misspelt_key_comes_with_an_example_that_is_toml(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="unknown key 'atleast'") as refused:
        load_policy(file(tmp_path, requirement("network.download", "atleast = 3")))
    assert refused.value.advice == "Compare with: homecheck policy show voice-standard --output toml"


def test_a_policy_is_shown_in_the_readers_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMECHECK_LANG", "sv")
    question = '[[declaration]]\nid = "door"\nquestion.en = "A door?"\nquestion.sv = "En dörr?"\nreason = "r"\n'
    path = file(
        tmp_path, 'language = "de"\n' + requirement("network.rtt", "at_most = 0.5\nwarn_above = 0.25") + question
    )
    assert policy("show", path) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "Svarstid: högst 0,5 ms, helst 0,25 ms eller mindre (krävs, egen uppgift)" in shown
    assert "Fråga: En dörr? (vilket svar som helst, krävs)" in shown
    assert "    Finns på: engelska, svenska" in shown
    assert "Det som företaget själv har skrivit är på detta språk: tyska" in shown


@pytest.mark.parametrize(
    ("question", "remark"),
    [
        ('question.sv-SE = "Ja?"', "question.sv-SE is shown to nobody who reads en, es, sv"),
        ('question.sv = "Ja?"', "no question.en; evidence and findings quote question.sv"),
    ],
)
def test_a_question_that_some_cannot_read_gets_a_remark(tmp_path: Path, question: str, remark: str) -> None:
    text = f'{HEAD}[[declaration]]\nid = "door"\n{question}\nreason = "r"\n'
    assert f"declaration door: {remark}" in list(remarks_on(parse_policy(text, "mine.toml"), []))
