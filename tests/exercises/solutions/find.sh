asyncevents logs "data.country:DE AND http_status:500" --json --payload |
    python -c "
import json, sys
for line in sys.stdin:
    print(json.loads(line)['payload']['data']['number'])
" > answer.txt
