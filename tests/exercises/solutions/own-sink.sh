cat > asyncevents_settings.py <<EOF
LEDGER_URL = "sqlite:///asyncevents.db"
BROKER_URL = "sqla+sqlite:///asyncevents-broker.db"
SECRET_KEYS = ["vzDJx2b0oaDdRjNoxMTFVs4x5yt3yAbeEJLPVNhmNzE="]
SINKS = {"http": {"allow": ["127.0.0.1"]}}
EVENTS = {"order.created": {}}
PLUGINS = ["journal_hooks"]
EOF
cat > journal_hooks.py <<'EOF'
import json
import os

from attrs import frozen

from asyncevents_core.plugin import BlockingSink, NoOptions, Outcome, SinkType, hookimpl


@frozen
class JournalConfig:
    pass


class JournalType(SinkType[JournalConfig, NoOptions]):
    name = "journal"
    title = "Appends the data to a file"
    config_class = JournalConfig

    def validate_target(self, target, config):
        pass

    def open(self, config):
        return Journal()


class Journal(BlockingSink):
    def deliver(self, request, deadline):
        line = json.dumps(json.loads(request.body)["data"]) + "\n"
        handle = os.open(request.target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)
        return Outcome.delivered()


@hookimpl
def asyncevents_register_sinks():
    return [JournalType()]
EOF
asyncevents db upgrade
