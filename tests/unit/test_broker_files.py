"""Brokers that are files are told apart by the whole path."""

from __future__ import annotations

import queue

import pytest

from asyncevents_core.adapters.kombu.connections import new_connection
from asyncevents_core.ports.broker import BrokerConfig

CONFIG = BrokerConfig(url="sqla+sqlite:///asyncevents-broker.db")


@pytest.fixture
def folders(tmp_path):
    made = tmp_path / "one", tmp_path / "other"
    for folder in made:
        folder.mkdir()
    return made


def put(text):
    with new_connection(CONFIG) as connection:
        connection.SimpleQueue("orders").put(text)


def get():
    with new_connection(CONFIG) as connection:
        message = connection.SimpleQueue("orders").get(block=False)
        message.ack()
        return message.payload


def test_a_relative_name_in_another_folder_is_another_file(folders, monkeypatch):
    for folder in folders:
        monkeypatch.chdir(folder)
        put(folder.name)
    for folder in folders:
        monkeypatch.chdir(folder)
        assert get() == folder.name
        with pytest.raises(queue.Empty):
            get()


def test_a_connection_stays_with_its_file(folders, monkeypatch):
    one, other = folders
    monkeypatch.chdir(one)
    connection = new_connection(CONFIG)
    monkeypatch.chdir(other)
    with connection:
        connection.SimpleQueue("orders").put("one")
    monkeypatch.chdir(one)
    assert get() == "one"
