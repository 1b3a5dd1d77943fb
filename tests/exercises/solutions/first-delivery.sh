asyncevents init --dev
cat >> asyncevents_settings.py <<EOF
EVENTS = {"order.created": {}}
EOF
cat > publish.py <<EOF
import sys

from asyncevents_core import AsyncEvents

with AsyncEvents() as events:
    events.publish("order.created", {"number": int(sys.argv[1])})
EOF
asyncevents db upgrade
asyncevents subscribe order.created "$RECIPIENT" --secret "$SECRET"
