asyncevents subscriptions list --json | python -c "
import json, sys
for line in sys.stdin:
    found = json.loads(line)
    if found['tenant'] == 'acme':
        print(found['subscription_id'])
" > id.txt
asyncevents replay --dead --event order.created --subscription "$(cat id.txt)" --yes
asyncevents worker --drain
