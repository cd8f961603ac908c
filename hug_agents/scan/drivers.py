"""Which backing service a library talks to. Only libraries that talk to one service alone are listed."""

from __future__ import annotations

_TABLE = {
    "postgres": (
        "psycopg psycopg2 psycopg2-binary psycopg-binary psycopg-pool asyncpg pg8000 aiopg pg pg-promise postgres "
        "pg-native @prisma/adapter-pg @vercel/postgres github.com/lib/pq github.com/jackc/pgx gorm.io/driver/postgres "
        "github.com/go-pg/pg org.postgresql:postgresql org.postgresql:r2dbc-postgresql io.r2dbc:r2dbc-postgresql"
    ),
    "mysql": (
        "mysqlclient pymysql aiomysql asyncmy mysql-connector-python mysql mysql2 mariadb "
        "github.com/go-sql-driver/mysql gorm.io/driver/mysql com.mysql:mysql-connector-j mysql:mysql-connector-java "
        "org.mariadb.jdbc:mariadb-java-client"
    ),
    "redis": (
        "redis aioredis django-redis redis-om ioredis @redis/client @upstash/redis connect-redis bullmq bull rq arq "
        "github.com/redis/go-redis github.com/go-redis/redis github.com/gomodule/redigo "
        "org.springframework.boot:spring-boot-starter-data-redis "
        "org.springframework.boot:spring-boot-starter-data-redis-reactive redis.clients:jedis io.lettuce:lettuce-core "
        "org.redisson:redisson"
    ),
    "mongodb": (
        "pymongo motor mongoengine beanie mongodb mongoose go.mongodb.org/mongo-driver "
        "org.springframework.boot:spring-boot-starter-data-mongodb"
    ),
    "rabbitmq": (
        "pika aio-pika kombu amqp amqplib amqp-connection-manager github.com/rabbitmq/amqp091-go "
        "github.com/streadway/amqp org.springframework.boot:spring-boot-starter-amqp com.rabbitmq:amqp-client"
    ),
    "kafka": (
        "kafka-python aiokafka confluent-kafka kafkajs github.com/segmentio/kafka-go github.com/ibm/sarama "
        "github.com/shopify/sarama org.springframework.kafka:spring-kafka org.apache.kafka:kafka-clients"
    ),
    "queue": (
        "@aws-sdk/client-sqs sqs-consumer github.com/aws/aws-sdk-go-v2/service/sqs software.amazon.awssdk:sqs "
        "io.awspring.cloud:spring-cloud-aws-starter-sqs"
    ),
    "object_store": (
        "s3fs django-s3-storage minio @aws-sdk/client-s3 multer-s3 github.com/aws/aws-sdk-go-v2/service/s3 "
        "github.com/minio/minio-go software.amazon.awssdk:s3 io.minio:minio "
        "io.awspring.cloud:spring-cloud-aws-starter-s3"
    ),
    "elasticsearch": (
        "elasticsearch opensearch-py @elastic/elasticsearch @opensearch-project/opensearch "
        "github.com/elastic/go-elasticsearch co.elastic.clients:elasticsearch-java "
        "org.springframework.boot:spring-boot-starter-data-elasticsearch"
    ),
    "memcached": "pymemcache pylibmc memcached memjs github.com/bradfitz/gomemcache",
}
_BY_LIBRARY = {library: kind for kind, libraries in _TABLE.items() for library in libraries.split()}
_BY_IMAGE = {
    "postgres": "postgres", "postgis": "postgres", "timescaledb": "postgres", "pgvector": "postgres",
    "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "redis": "redis", "valkey": "redis",
    "redis-stack": "redis", "mongo": "mongodb", "mongodb": "mongodb", "rabbitmq": "rabbitmq", "kafka": "kafka",
    "cp-kafka": "kafka", "redpanda": "kafka", "minio": "object_store", "elasticsearch": "elasticsearch",
    "opensearch": "elasticsearch", "memcached": "memcached",
}  # fmt: skip


def of_library(name: str) -> str | None:
    """The kind of service that a library is a client of; a Go module is found by its path without the version."""
    lower = name.lower()
    if lower in _BY_LIBRARY:
        return _BY_LIBRARY[lower]
    if lower.startswith(("github.com/", "gorm.io/", "go.mongodb.org/")):
        head, _, tail = lower.rpartition("/")
        if tail[:1] == "v" and tail[1:].isdigit():
            return _BY_LIBRARY.get(head)
    return None


def of_image(reference: str) -> tuple[str, str] | None:
    """The kind of service that an image runs and its version (perhaps empty)."""
    name, _, tag = reference.split("@", 1)[0].rpartition(":")
    if not name or "/" in tag:
        name, tag = reference.split("@", 1)[0], ""
    kind = _BY_IMAGE.get(name.rsplit("/", 1)[-1].lower())
    if kind is None:
        return None
    if name.rsplit("/", 1)[-1].lower() in ("pgvector", "timescaledb", "mariadb", "valkey"):
        return kind, ""  # their versions are not those of what they stand in for
    return kind, version(tag)


def version(text: str) -> str:
    """The leading version number of a text (1, 1.2 or 1.2.3); empty if it starts otherwise."""
    parts = []
    for part in text.strip().lstrip("v=~^ ").split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits or len(digits) > 6:
            break
        parts.append(digits)
        if digits != part:
            break
    return ".".join(parts)
