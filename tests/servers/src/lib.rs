//! Real Kafka, HDFS and Cassandra as processes on loopback, for tests and for people.
