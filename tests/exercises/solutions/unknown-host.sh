asyncevents subscriptions change 1 --target "$RECIPIENT"
asyncevents replay --dead --yes
asyncevents worker --drain
