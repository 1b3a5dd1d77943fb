"""asyncevents-aws: sinks for Amazon EventBridge, SQS, SNS and Kinesis."""
