cp asyncevents_settings.py new.py
printf 'SECRET_KEYS = [*SECRET_KEYS, open("old-key.txt").read().strip()]\n' >> asyncevents_settings.py
asyncevents secrets rotate
mv new.py asyncevents_settings.py
asyncevents worker --drain
asyncevents replay --dead --yes
asyncevents worker --drain
