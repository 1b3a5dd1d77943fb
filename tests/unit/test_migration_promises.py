"""A migration whose revision says that older versions work with it only adds to the schema."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from asyncevents_core.adapters.sqlalchemy import migrating

VERSIONS = Path(migrating.__file__).with_name("migrations") / "versions"
FILES = sorted(VERSIONS.glob("[0-9]*.py"))
TAKES_AWAY = {"drop_column", "drop_table", "rename_table", "drop_constraint", "execute"}
"""`execute`, too: what it does cannot be seen here."""


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def broken_promises(source: str) -> list[str]:
    """Return what a migration does on its way up that an older version could not work with."""
    tree = ast.parse(source)
    (up,) = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "upgrade"]
    found: list[str] = []
    for call in [one for one in ast.walk(up) if isinstance(one, ast.Call)]:
        name, keywords = called(call), {one.arg: one.value for one in call.keywords}
        if name in TAKES_AWAY:
            found.append(name)
        if name == "alter_column" and {"new_column_name", "nullable"} & keywords.keys():
            found.append("alter_column")
        if name == "add_column":
            column = call.args[1] if len(call.args) > 1 else None
            said = column.keywords if isinstance(column, ast.Call) else []
            values = {one.arg: ast.unparse(one.value) for one in said}
            if values.get("nullable") == "False" and "server_default" not in values:
                found.append("add_column that has to have a value")
    return found


def revision_of(source: str) -> str:
    (found,) = re.findall(r'^revision = "(.*)"$', source, re.MULTILINE)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_promises_are_kept(file):
    source = file.read_text()
    assert re.fullmatch(r"\d{4}(_from_\d{4})?", revision_of(source))
    if "_from_" in revision_of(source):
        assert broken_promises(source) == []


UPGRADE = "def upgrade():\n    {}\n\n\ndef downgrade():\n    op.drop_column('a', 'b')\n"


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("op.add_column('a', sa.Column('b', sa.Text))", []),
        ("op.add_column('a', sa.Column('b', sa.Text, nullable=False, server_default=''))", []),
        ("op.create_index('i', 'a', ['b'])", []),
        ("op.alter_column('a', 'b', type_=sa.String(20))", []),
        (
            "op.add_column('a', sa.Column('b', sa.Text, nullable=False))",
            ["add_column that has to have a value"],
        ),
        ("op.drop_column('a', 'b')", ["drop_column"]),
        ("op.alter_column('a', 'b', new_column_name='c')", ["alter_column"]),
        ("op.execute('ALTER TABLE a RENAME COLUMN b TO c')", ["execute"]),
    ],
)
def test_broken_promises_are_found(line, broken):
    assert broken_promises(UPGRADE.format(line)) == broken
