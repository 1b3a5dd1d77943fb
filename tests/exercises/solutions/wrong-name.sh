asyncevents subscriptions change 1 --event order.created
asyncevents published --json | python -c "
import json, sys
for line in sys.stdin:
    found = json.loads(line)
    print(json.dumps({'event_name': found['event_name'], 'data': found['data'],
                      'event_id': 'again-' + found['event_id']}))
" > again.jsonl
asyncevents publish --file again.jsonl
asyncevents worker --drain
