sed -i "s|^SINKS = .*|SINKS = {'http': {'allow': ['127.0.0.1']}}|" asyncevents_settings.py
asyncevents replay --dead --yes
asyncevents worker --drain
