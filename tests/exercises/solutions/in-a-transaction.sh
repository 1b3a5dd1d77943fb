cat > asyncevents_settings.py <<EOF
LEDGER_URL = "sqlite:///asyncevents.db"
BROKER_URL = "sqla+sqlite:///asyncevents-broker.db"
SECRET_KEYS = ["vzDJx2b0oaDdRjNoxMTFVs4x5yt3yAbeEJLPVNhmNzE="]
SINKS = {"http": {"allow": ["127.0.0.1"]}}
EVENTS = {"order.created": {}}
EOF
sed -i 's|^LEDGER_URL.*|LEDGER_URL = "sqlite:///shop.db"|' asyncevents_settings.py
cat >> shop.py <<EOF
    events.publish("order.created", {"number": number}, session=session)


from asyncevents_core import AsyncEvents

events = AsyncEvents()
EOF
asyncevents db upgrade
asyncevents subscribe order.created "$RECIPIENT" --secret "$SECRET"
