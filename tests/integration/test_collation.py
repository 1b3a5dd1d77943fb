"""Texts are the same in search criteria where they are in Magento's database."""

from __future__ import annotations

import unicodedata

import pytest
import sqlalchemy as sa

from asyncevents_core.web.api.criteria.collation import Collation
from asyncevents_core.web.api.criteria.like import Like

WORDS = [
    *("", "a", "A", "a ", "a  ", " a", "a\t", "b", "ab", "AB"),
    *("é", "É", "e", "E", "e\u0301", "è", "ê", "ÿ", "y", "ñ", "n", "ç", "C", "å", "Å", "\u212b"),
    *("Straße", "STRASSE", "strasse", "straße ", "ß", "ss", "SS"),
    *("Zürich", "zurich", "ZÜRICH", "zuerich", "ä", "ae", "Ä"),
    *("\u03ac", "\u03b1", "\u0391", "\u0451", "\u0415", "\u0435", "й", "и", "И", "Й"),
    *("\u1f80", "\u1f00", "\u0457", "\u0456", "\u0407", "\u0627", "\u0623", "\u05d0"),
    *("order.created", "Order.Created", "order.created ", "order_created"),
    *("https://example.com/A?b=%20", "https://EXAMPLE.com/a?B=%20"),
    *("%", "_", "\\", "1", "10", "2"),
]


@pytest.fixture(scope="module")
def connection(start_server):
    engine = sa.create_engine(start_server("MariaDb").new_database())
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def asked(connection, operator, left, right):
    """Ask the database."""
    collate = "COLLATE utf8mb4_unicode_ci"
    statement = sa.text(
        f"SELECT CONVERT(:a USING utf8mb4) {collate} {operator} CONVERT(:b USING utf8mb4) {collate}"
    )
    return bool(connection.execute(statement, {"a": left, "b": right}).scalar())


def test_equality(connection):
    comparable = Collation().comparable
    pairs = [(a, b) for a in WORDS for b in WORDS]
    ours = {pair for pair in pairs if comparable(pair[0]) == comparable(pair[1])}
    its = {pair for pair in pairs if asked(connection, "=", *pair)}
    assert ours == its


def test_every_letter_of_europe(connection):
    """Each by itself, and without its accents."""
    comparable = Collation().comparable
    letters = [chr(one) for one in (*range(0xC0, 0x600), *range(0x1E00, 0x2000))]
    wrong = set()
    for letter in letters:
        base = unicodedata.normalize("NFD", letter)[0]
        if base != letter and unicodedata.category(letter).startswith("L"):
            same = comparable(letter) == comparable(base)
            wrong |= {letter} if same != asked(connection, "=", letter, base) else set()
    assert wrong == set()


def test_like(connection):
    letters = Collation().letters
    pairs = [(a, b) for a in WORDS for b in ("%a%", "a_", "_", "e", "%É", "STRA%", "%.c%d", "z%")]
    ours = {pair for pair in pairs if Like(letters(pair[1])).matches(letters(pair[0]))}
    its = {pair for pair in pairs if asked(connection, "LIKE", *pair)}
    # There a letter stays one whatever it is the same as.
    assert {pair for pair in ours ^ its if not set("ß\u0301") & set(pair[0])} == set()
