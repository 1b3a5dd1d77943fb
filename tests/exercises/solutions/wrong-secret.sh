asyncevents subscriptions change 1 --secret "$SECRET"
asyncevents replay --dead --yes
asyncevents worker --drain
