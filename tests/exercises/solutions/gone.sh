asyncevents subscriptions change 1 --target "$RECIPIENT"
asyncevents subscriptions enable 1
asyncevents replay --dead --yes
asyncevents worker --drain
