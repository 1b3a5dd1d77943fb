asyncevents subscriptions enable 1
asyncevents replay --dead --yes
asyncevents worker --drain
