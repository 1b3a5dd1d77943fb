cat > asyncevents_settings.py <<EOF
LEDGER_URL = "sqlite:///asyncevents.db"
BROKER_URL = "sqla+sqlite:///asyncevents-broker.db"
SECRET_KEYS = ["vzDJx2b0oaDdRjNoxMTFVs4x5yt3yAbeEJLPVNhmNzE="]
SINKS = {"http": {"allow": ["127.0.0.1"]}}
EVENTS = {"order.created": {}, "order.paid": {}, "customer.created": {}}
EOF
asyncevents db upgrade
asyncevents subscribe "order.*" "$RECIPIENT" --secret "$SECRET" \
    --filter "data.country:DE AND data.total:[100 TO *]"
