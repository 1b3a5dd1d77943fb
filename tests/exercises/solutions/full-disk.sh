mkdir elsewhere
mv data/export-* elsewhere/
asyncevents worker --drain
