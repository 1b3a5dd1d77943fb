"""asyncevents-azure: the sinks for Azure Event Grid and Azure Service Bus."""
