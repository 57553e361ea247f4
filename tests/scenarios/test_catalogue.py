"""The data itself: readable, complete for what the issue and the documents demand, and its errors help their reader."""

from pathlib import Path

import pytest

from shared.scenarios import Catalogue, CatalogueError, load_catalogue, parse_catalogue
from shared.scenarios.document import render_document
from tests.scenarios.mascot_driver import SendAs

DOCUMENT = Path(__file__).parents[2] / "docs" / "scenarios.md"

MASCOT_CODES = {"1", "2", "3", "4", "5", "6", "7", "8", "-32700", "-32600", "-32601", "-32602"}
"""The rows of the protocol's error table."""

MASCOT_FAULTS = 8
"""How many faults of public integrations the protocol's document lists."""

GROUPS_DEMANDED = {*range(1, 11), 12, 13, 15}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def codes_expected(catalogue: Catalogue, dialect: str) -> set[str]:
    """Every error code that some scenario expects."""
    return {
        str(answer["error"])
        for scenario in catalogue.of_dialect(dialect)
        for step in scenario.dialect[dialect].expect
        for expected in scenario.dialect[dialect].alternatives(step)
        for answer in (expected.answer or {}, *(each.answer for each in expected.answers))
        if "error" in answer
    }


def test_every_demanded_group_has_scenarios_of_mascot(catalogue: Catalogue) -> None:
    assert {scenario.group for scenario in catalogue.of_dialect("mascot")} >= GROUPS_DEMANDED


def test_every_row_of_mascots_error_table_has_a_scenario(catalogue: Catalogue) -> None:
    assert catalogue.dialects["mascot"].errors.keys() == MASCOT_CODES
    assert codes_expected(catalogue, "mascot") == MASCOT_CODES


def test_every_listed_fault_of_other_integrations_has_a_scenario(catalogue: Catalogue) -> None:
    faults = catalogue.dialects["mascot"].faults
    assert len(faults) == MASCOT_FAULTS
    guarded = {fault for scenario in catalogue.of_dialect("mascot") for fault in scenario.dialect["mascot"].guards}
    assert guarded == faults.keys()


def test_every_account_is_used_by_a_scenario(catalogue: Catalogue) -> None:
    for name, dialect in catalogue.dialects.items():
        assert {scenario.setup.account for scenario in catalogue.of_dialect(name)} == dialect.accounts.keys()


def test_no_success_stores_a_refusal_and_no_refusal_moves_money(catalogue: Catalogue) -> None:
    """Data written by hand contradicts itself easily: an error beside applied rows or a moved balance is a slip."""
    for scenario in catalogue.of_dialect("mascot"):
        if scenario.run in {"render", "faults"}:
            continue
        for step in scenario.dialect["mascot"].expect:
            for expected in scenario.dialect["mascot"].alternatives(step):
                if expected.answer is None:
                    continue
                statuses = {row.status for row in expected.stored}
                where = f"{scenario.id}, {step}"
                if "error" in expected.answer:
                    assert statuses <= {"refused"}, where
                else:
                    assert "refused" not in statuses, where


def test_what_mascot_sends_otherwise_is_understood_by_its_driver(catalogue: Catalogue) -> None:
    for scenario in catalogue.of_dialect("mascot"):
        for values in scenario.dialect["mascot"].send.values():
            SendAs.model_validate(values)


def test_the_document_is_fresh(catalogue: Catalogue) -> None:
    command = "python -m shared.scenarios.document docs/scenarios.md"
    assert DOCUMENT.read_text(encoding="utf-8") == render_document(catalogue), f"make it anew: {command}"


GOOD = """
schema = 1
groups = [{ number = 3, title = "Bet" }]
[dialects.d]
title = "D"
answer = "as it is"
namespaces = { other = "tx" }
unknown = { code = 9 }
errors = { 1 = "no money" }
faults = { lost = "a lost bet" }
accounts = { ordinary = { about = "defaults" } }
[[scenario]]
id = "bet"
group = 3
title = "A bet takes the stake"
steps = [{ step = "bet", do = "bet", tx = "b1", stake = "4.00" }]
[scenario.dialect.d]
expect.bet = { answer = { code = 0 }, balance = "96.00", stored = [{ kind = "bet", stake = "4.00" }] }
"""


def test_a_good_file_is_read() -> None:
    scenario = parse_catalogue(GOOD).scenarios[0]
    (expected,) = scenario.dialect["d"].alternatives("bet")
    assert (scenario.id, expected.balance, expected.stored[0].status) == ("bet", "96.00", "applied")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('stake = "4.00" }]', 'stak = "4.00" }]', r"scenario 'bet' steps 'bet' stak: Extra inputs are not permitted"),
        ('tx = "b1", stake', "stake", r"a step that does 'bet' needs tx"),
        ('stake = "4.00" }]', "stake = 4.00 }]", r"scenario 'bet' steps 'bet' stake: Input should be a valid string"),
        ("group = 3", "group = 4", r"scenario 'bet': group 4 is not among the groups"),
        ("expect.bet", "expect.bat", r"says nothing of bet\n.*expects something of bat"),
        ("answer = { code = 0 }, ", "", r"give exactly one of answer, same_answer_as, answers"),
        ("answer = { code = 0 }", 'same_answer_as = "bet"', r"same_answer_as 'bet' is no earlier step"),
        ("code = 0", 'code = "@tex"', r"code = '@tex': a value with @ must be one of @int, @text, @tx"),
        ('kind = "bet", stake', 'kind = "bet", status = "refused", stake', r"a refused row needs its result"),
        ('kind = "bet", stake', 'kind = "bet", result = "FINE", stake', r"result 'FINE' must be one of"),
        ('kind = "bet", stake', 'kind = "bet", tx = "b2", stake', r"tx 'b2' is no tx of this scenario"),
        ("[scenario.dialect.d]", "[scenario.dialect.e]", r"dialect 'e' is not among the dialects of this file \(d\)"),
        ("[scenario.dialect.d]", '[scenario.dialect.d]\nguards = ["gone"]', r"unknown fault 'gone'"),
        ("group = 3", 'group = 3\nsetup = { account = "x" }', r"dialect 'd' has no account 'x' \(it has ordinary\)"),
        ("group = 3", 'group = 3\nrun = "later"', r"because = \.\.\. belongs to every run but 'stack'"),
        ("group = 3", 'group = 3\nrun = "render"\nbecause = "so"', r"wallet = \.\.\. belongs to every step of run = 'render'"),
        (
            'tx = "b1", stake = "4.00"',
            'tx = "b#", stake = "4.00", times = 3',
            r"answers = \[\.\.\.\] belongs to a step of several calls",
        ),
        ('tx = "b1", stake', 'tx = "b1", same_nonce_as = "x", stake', r"refers to 'x', which is no earlier step"),
        ('tx = "b1", stake', 'tx = "b1", bonus = true, stake', r"names a bonus, but the set-up grants no free rounds"),
        ("schema = 1", "schema = 1\n[", r"not TOML"),
    ],
)
def test_an_error_names_the_place_and_what_is_valid(old: str, new: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        parse_catalogue(GOOD.replace(old, new, 1), "file.toml")


def test_two_scenarios_with_one_id_are_refused() -> None:
    scenario = GOOD[GOOD.index("[[scenario]]") :]
    with pytest.raises(CatalogueError, match="the id is given twice"):
        parse_catalogue(GOOD + scenario)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CatalogueError, match=r"nowhere\.toml: not readable"):
        load_catalogue(Path("nowhere.toml"))
