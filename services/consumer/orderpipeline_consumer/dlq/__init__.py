"""`python -m orderpipeline_consumer.dlq`: lists dead letters, sends them to the orders topic again, or drops them.

The command line runs it, on this machine or in a pod beside Kafka. It takes one argument, a request in JSON
(`request.Request`), and the consumer's variables for Kafka and its topics; it answers with a JSON object per line.
"""
