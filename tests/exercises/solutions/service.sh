cat > asyncevents_settings.py <<EOF
LEDGER_URL = "sqlite:///asyncevents.db"
BROKER_URL = "sqla+sqlite:///asyncevents-broker.db"
SECRET_KEYS = ["vzDJx2b0oaDdRjNoxMTFVs4x5yt3yAbeEJLPVNhmNzE="]
SINKS = {"http": {"allow": ["127.0.0.1"]}}
EVENTS = {"order.created": {"service": "orders:load"}}
EOF
cat > orders.py <<EOF
import json
from pathlib import Path


def load(number: int) -> dict:
    return json.loads(Path("orders.json").read_text())[str(number)]
EOF
asyncevents db upgrade
asyncevents subscribe order.created "$RECIPIENT" --secret "$SECRET"
