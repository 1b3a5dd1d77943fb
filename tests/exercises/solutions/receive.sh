cat > receiver.py <<'EOF'
import json
import os
import sqlite3

from asyncevents_http import InvalidSignature, verify

SECRET = os.environ["SECRET"]
seen = sqlite3.connect("seen.db")
seen.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)")


def receive(headers: dict[str, str], body: bytes) -> int:
    try:
        event_id = verify(headers, body, [SECRET])
    except InvalidSignature:
        return 401
    with seen:
        if seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (event_id,)).rowcount:
            with open("orders.txt", "a") as file:
                file.write(f"{json.loads(body)['data']['number']}\n")
    return 200
EOF
