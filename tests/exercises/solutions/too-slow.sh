sed -i "s|'timeout': 0.3|'timeout': 5|" asyncevents_settings.py
asyncevents replay --dead --yes
asyncevents worker --drain
