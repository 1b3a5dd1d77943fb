"""What people manage: subscriptions, secrets, tokens; and how they test a subscription."""
