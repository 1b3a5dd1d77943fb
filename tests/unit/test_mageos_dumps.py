"""Dumps of ``async_event_subscriber``: of whatever tool, size and text."""

from __future__ import annotations

import csv
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncevents_core.adapters.mageos import sql_tokens
from asyncevents_core.adapters.mageos.csv_table import read_csv
from asyncevents_core.adapters.mageos.rows import Row, read_row
from asyncevents_core.adapters.mageos.sql_dump import read_sql_dump
from asyncevents_core.domain.original import OriginalSubscription, UnreadableRow
from asyncevents_core.errors import InvalidValue

COLUMNS = (
    *("subscription_id", "event_name", "recipient_url", "verification_token", "status"),
    *("subscribed_at", "modified", "metadata", "store_id"),
)
CREATE = """
--
-- Table structure for table `async_event_subscriber`
--
DROP TABLE IF EXISTS `async_event_subscriber`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `async_event_subscriber` (
  `subscription_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `event_name` varchar(255) NOT NULL,
  `recipient_url` varchar(1024) NOT NULL,
  `verification_token` varchar(255) NOT NULL,
  `status` tinyint(1) NOT NULL DEFAULT 0 COMMENT 'active (1), or not; it''s so',
  `subscribed_at` datetime DEFAULT NULL,
  `modified` timestamp NOT NULL DEFAULT current_timestamp(),
  `metadata` text NOT NULL,
  `store_id` smallint(5) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (`subscription_id`),
  KEY `X` (`event_name`,`status`)
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=utf8mb4;
"""
ROW = "(7,'a.b','https://x','0:3:abc=',1,'2024-05-06 07:08:09',NULL,'http',2)"


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "dump.sql"

    def read(text):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return [one.values for one in read_sql_dump(path, lambda done: None)]

    return read


def insert(*rows, table="async_event_subscriber", before=""):
    return f"INSERT INTO `{table}` {before}VALUES {','.join(rows)};\n"


def test_what_mysqldump_writes(dump):
    text = (
        CREATE
        + "LOCK TABLES `async_event_subscriber` WRITE;\n"
        + "/*!40000 ALTER TABLE `async_event_subscriber` DISABLE KEYS */;\n"
        + insert(ROW, ROW.replace("7", "8"))
        + insert(ROW.replace("7", "9"))
        + "UNLOCK TABLES;\n-- Dump completed on 2024-05-06\n"
    )
    first, second, third = dump(text)
    assert first == {
        "subscription_id": "7",
        "event_name": "a.b",
        "recipient_url": "https://x",
        "verification_token": "0:3:abc=",
        "status": "1",
        "subscribed_at": "2024-05-06 07:08:09",
        "modified": None,
        "metadata": "http",
        "store_id": "2",
    }
    assert (second["subscription_id"], third["subscription_id"]) == ("8", "9")


def test_columns_are_those_of_the_create_table_in_its_order(dump):
    moved = CREATE.replace("  `store_id` smallint(5) unsigned NOT NULL DEFAULT 0,\n", "").replace(
        "(\n  `sub", "(\n  `store_id` smallint,\n  `sub"
    )
    (row,) = dump(moved + insert("(3,7,'a','x','t',0,NULL,NULL,'sqs')"))
    assert (row["store_id"], row["subscription_id"], row["metadata"]) == ("3", "7", "sqs")


@pytest.mark.parametrize(
    "text",
    [
        f"insert into async_event_subscriber ({','.join(COLUMNS)})\nvalues\n{ROW}",
        f"REPLACE INTO `shop`.`mg_async_event_subscriber` (`{'`,`'.join(COLUMNS)}`) VALUES {ROW};",
        f"INSERT IGNORE INTO `async_event_subscriber`(`{'`, `'.join(COLUMNS)}`) VALUES\n\t{ROW}\n"
        "ON DUPLICATE KEY UPDATE `status`=VALUES(`status`);",
        f"# a note; here\n-- one more\nSET NAMES utf8mb4; /* ; */ {CREATE} {insert(ROW)}",
    ],
)
def test_what_other_tools_write(dump, text):
    (row,) = dump(text)
    assert (row["subscription_id"], row["event_name"]) == ("7", "a.b")


def test_columns_that_are_not_there_are_not_needed(dump):
    names = [one for one in COLUMNS if one not in {"store_id", "subscribed_at", "modified"}]
    (row,) = dump(insert("(1,'a','x','t',1,'http')", before=f"({','.join(names)}) "))
    assert "store_id" not in row


def test_other_tables_are_passed_over_whatever_is_in_them(dump):
    others = (
        "CREATE TABLE `async_event_subscriber_log` (`log_id` int, `serialized_data` blob);\n"
        "INSERT INTO `async_event_subscriber_log` VALUES (1,_binary '\\'); INSERT INTO "
        "`async_event_subscriber` VALUES (1)\xff','it''s'),(2,'/* -- # `');\n"
        "INSERT INTO `other` VALUES ('multi\nline; INSERT INTO `async_event_subscriber` (1)');\n"
        "CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW SET @a = 1 - 2 / 3;\n"
    )
    text = (others + CREATE + others + insert(ROW) + others).encode("latin-1")
    assert [one["subscription_id"] for one in dump(text)] == ["7"]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"'a\'b'", "a'b"),
        ("'a''b'", "a'b"),
        ('"a""b\'c"', "a\"b'c"),
        (r"'\\'", "\\"),
        (r"'\0\b\n\r\t\Z\%\x'", "\0\b\n\r\t\x1a%x"),
        (r"'a\\'", "a\\"),
        ("''", ""),
        ("'ä€😀'", "ä€😀"),
        ("_utf8mb4'ä'", "ä"),
        ("0xC3A4", "ä"),
        ("X'C3A4'", "ä"),
        ("NULL", None),
        ("-12", "-12"),
        ("1.5e3", "1.5e3"),
        ("true", "1"),
    ],
)
def test_every_way_to_write_a_value(dump, written, text):
    row = ROW.replace("'https://x'", written)
    assert dump(CREATE + insert(row))[0]["recipient_url"] == text


@pytest.mark.parametrize("size", range(1, 40))
def test_nothing_is_lost_where_a_chunk_ends(dump, monkeypatch, size):
    text = CREATE + insert(ROW.replace("a.b", "it''s \\'x\\' -- /* ; ä"), ROW) + "-- end"
    whole = dump(text)
    monkeypatch.setattr(sql_tokens, "_CHUNK", size)
    assert dump(text) == whole


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (insert(ROW), 1, "no columns are named here"),
        ("\nSELECT 1;\n", 3, "there is no table async_event_subscriber in it"),
        ("", 1, "there is no table async_event_subscriber in it"),
        (CREATE + insert("(1,2)"), 20, "the row has 2 values, the table 9 columns"),
        (CREATE + insert(ROW.replace("NULL", "NOW()")), 20, "this is no value: 'NOW'"),
        (CREATE + insert(ROW)[:-8], 20, "what begins here does not end"),
        (CREATE + insert(ROW)[:-3], 20, "it ends in the middle of a statement"),
        (CREATE + insert(ROW, "x"), 20, "a row begins with (: 'x'"),
        (CREATE + insert(ROW)[:-2] + " x;", 20, "after a row comes another one, or the end"),
        (CREATE + "INSERT INTO async_event_subscriber SELECT 1;", 20, "an INSERT goes on in VALU"),
        (CREATE + insert(ROW.replace("'a.b'", "'a.b' 'c'")), 20, "a comma or a bracket is missing"),
        (CREATE + insert(ROW.replace("'a.b'", "0xff")), 20, "this is not UTF-8"),
        (insert("(1)", before="(`status`) "), 1, "the table has no column subscription_id"),
        (insert("(1)", before="(1) "), 1, "this is not the name of a column"),
        ("CREATE TABLE async_event_subscriber (`a` int", 1, "it ends in the middle"),
    ],
)
def test_mistakes_are_named_with_file_and_line(dump, text, line, message):
    with pytest.raises(InvalidValue) as raised:
        dump(text)
    assert re.search(rf"dump\.sql:{line}: .*{re.escape(message)}", str(raised.value))


def test_a_text_without_an_end_is_given_up_in_time(dump, monkeypatch):
    monkeypatch.setattr(sql_tokens, "_CHUNK", 100)
    monkeypatch.setattr(sql_tokens, "LONGEST_TOKEN", 1000)
    with pytest.raises(InvalidValue, match="what begins here is too long"):
        dump(CREATE + "INSERT INTO x VALUES ('" + "x" * 2000)


def test_progress_is_told_in_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(sql_tokens, "_CHUNK", 64)
    path, heard = tmp_path / "dump.sql", []
    path.write_text(CREATE + insert(*[ROW] * 500))
    assert len(list(read_sql_dump(path, heard.append))) == 500
    assert heard == sorted(heard)
    assert heard[-1] == path.stat().st_size


def quoted(text):
    escapes = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\0": r"\0", "\x1a": r"\Z", "\r": r"\r"}
    return "'" + "".join(escapes.get(one, one) for one in text) + "'"


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5))
@example(["'; DROP TABLE x; --", "\\", "\\'", "/*"])
def test_any_text_comes_back(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("d") / "dump.sql"
    rows = [ROW.replace("'https://x'", quoted(text)) for text in texts]
    path.write_bytes((CREATE + insert(*rows)).encode())
    found = [one.values["recipient_url"] for one in read_sql_dump(path, lambda done: None)]
    assert found == texts


# -- CSV ------------------------------------------------------------------------------------------

VALUES = ("7", "a.b", "https://x", "0:3:abc=", "1", "2024-05-06 07:08:09", "NULL", "http", "2")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "dump.csv"

    def read(text):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return list(read_csv(path, lambda done: None))

    return read


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_tools_export_as_csv(table, tmp_path, delimiter, end, mark):
    path = tmp_path / "made.csv"
    with path.open("w", newline="") as file:
        file.write(mark)
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
        writer.writerow(COLUMNS)
        writer.writerow(VALUES)
        writer.writerow([*VALUES[:2], 'two\nlines, "quoted"; \t', *VALUES[3:]])
        writer.writerow(VALUES)
    first, second, third = table(path.read_bytes())
    assert first.values == dict(zip(COLUMNS, (*VALUES[:6], None, *VALUES[7:]), strict=True))
    assert second.values["recipient_url"] == 'two\nlines, "quoted"; \t'
    assert [one.where.rpartition(":")[2] for one in (first, second, third)] == ["2", "3", "5"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "its first line names no column subscription_id"),
        ("1,2,3\n", 1, "its first line names no column subscription_id"),
        (",".join((*COLUMNS, "status")), 1, "names a column twice"),
        (",".join(COLUMNS) + "\n" + ",".join(VALUES) + "\n1,2\n", 3, "it has 2 fields"),
        (",".join(COLUMNS) + '\n"a"b,' + ",".join(VALUES[1:]), 2, "it is not CSV"),
        (",".join(COLUMNS).encode() + b"\n\xff", 1, "it is not UTF-8"),
    ],
)
def test_mistakes_in_csv_are_named_with_file_and_line(table, text, line, message):
    with pytest.raises(InvalidValue) as raised:
        table(text)
    assert re.search(rf"dump\.csv:{line}: .*{re.escape(message)}", str(raised.value))


# -- rows -----------------------------------------------------------------------------------------


def row(**values):
    plain = dict(zip(COLUMNS, VALUES, strict=True))
    return Row(where="dump.sql:5", values={**plain, **values})


def test_a_row_in_our_words():
    found = read_row(row(event_name=" a.b "), None)
    assert found == OriginalSubscription(
        where="dump.sql:5",
        number=7,
        event_name="a.b",
        target="https://x",
        metadata="http",
        tenant="2",
        enabled=True,
        subscribed_at=1_714_979_289_000_000,
        secret=None,
        unread="without the shop's key its token cannot be decrypted",
    )
    assert "abc" not in repr(found)


@pytest.mark.parametrize("nothing", [None, "", "0000-00-00 00:00:00"])
def test_a_row_without_a_time_or_a_store(nothing):
    found = read_row(row(subscribed_at=nothing, store_id="0", status="0"), None)
    assert (found.subscribed_at, found.tenant, found.enabled) == (None, None, False)


@pytest.mark.parametrize(
    ("values", "number", "reason"),
    [
        ({"subscription_id": "x"}, None, "subscription_id: 'x' is no id"),
        ({"subscription_id": None}, None, "subscription_id: '' is no id"),
        ({"event_name": "sales.*"}, 7, "event_name: 'sales.*' is no name of an event"),
        ({"event_name": None}, 7, "event_name: '' is no name of an event"),
        ({"status": "2"}, 7, "status: '2' is neither 0 nor 1"),
        ({"status": None}, 7, "status: None is neither 0 nor 1"),
        ({"store_id": "-1"}, 7, "store_id: '-1', not the number of a store"),
        ({"store_id": "4294967295"}, 7, "store_id: '4294967295', which is no store"),
        ({"subscribed_at": "yesterday"}, 7, "subscribed_at: 'yesterday' is no time"),
    ],
)
def test_a_value_that_cannot_be_is_named(values, number, reason):
    found = read_row(row(**values), None)
    assert found == UnreadableRow(where="dump.sql:5", number=number, reason=reason)
