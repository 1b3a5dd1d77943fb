"""asyncevents-amqp: the sink for RabbitMQ exchanges (AMQP 0-9-1)."""
