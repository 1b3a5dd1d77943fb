cat > orders.py <<'EOF'
ORDERS = {1: {"country": "DE"}, 2: {}, 3: {"country": "AT"}, 4: {"country": "US"}}


def load(number: int) -> dict:
    country = ORDERS[number].get("country")
    return {"number": number, "country": country.upper() if country else "unknown"}
EOF
asyncevents replay --dead --yes
asyncevents worker --drain
