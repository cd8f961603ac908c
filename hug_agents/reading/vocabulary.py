"""Words and what they stand for: systems, clouds, strategies, backing services, regions; common misspellings too."""

from __future__ import annotations

SYSTEMS: dict[str, tuple[str, str]] = {
    # phrase: (path of the toolchain, id of the system)
    **dict.fromkeys(
        ("kubernetes", "k8s", "kube", "kubernets", "kuberentes", "kubernetis", "kubernates", "k3s", "openshift",
        "eks", "gke", "aks"),
        ("toolchain.runtime", "kubernetes"),
    ),
    **dict.fromkeys(
        ("ecs", "fargate", "elastic container service", "ecs fargate", "ecs/fargate", "aws ecs", "amazon ecs",
        "aws fargate"),
        ("toolchain.runtime", "ecs"),
    ),
    **dict.fromkeys(("nomad", "hashicorp nomad", "nomad cluster"), ("toolchain.runtime", "nomad")),
    **dict.fromkeys(("terraform", "terrafrom", "teraform", "terraforms", "tf modules"), ("toolchain.iac",
    "terraform")),
    **dict.fromkeys(("cloudformation", "cloud formation", "cfn"), ("toolchain.iac", "cloudformation")),
    **dict.fromkeys(("pulumi",), ("toolchain.iac", "pulumi")),
    **dict.fromkeys(
        ("github actions", "github action", "gh actions", "gha", "github-actions", "githubactions", "github workflows",
        "github workflow"),
        ("toolchain.ci", "github_actions"),
    ),
    **dict.fromkeys(("gitlab ci", "gitlab-ci", "gitlab ci/cd", "gitlab pipelines", "gitlab pipeline"),
    ("toolchain.ci", "gitlab_ci")),
    **dict.fromkeys(("jenkins", "jenkinsfile"), ("toolchain.ci", "jenkins")),
    **dict.fromkeys(("circleci", "circle ci", "circle-ci"), ("toolchain.ci", "circleci")),
    **dict.fromkeys(("prometheus", "promethues", "prometeus", "promtheus"), ("toolchain.monitors", "prometheus")),
    **dict.fromkeys(("grafana", "grafana dashboards", "grafana dashboard"), ("toolchain.monitors", "grafana")),
    **dict.fromkeys(
        ("elk", "elk stack", "elastic stack", "elasticsearch logstash kibana", "kibana", "logstash",
        "elastic", "filebeat", "elasticsearch and kibana", "elasticsearch + kibana", "elasticsearch/kibana",
        "elasticsearch with kibana", "elasticsearch, logstash and kibana", "elasticsearch, logstash, kibana"),
        ("toolchain.monitors", "elk")
    ),
    **dict.fromkeys(("datadog", "data dog"), ("toolchain.monitors", "datadog")),
    **dict.fromkeys(("argo rollouts", "argo rollout", "argo-rollouts"), ("toolchain.rollout", "argo_rollouts")),
    **dict.fromkeys(("helm", "helm chart", "helm charts"), ("toolchain.package", "helm")),
    **dict.fromkeys(("spinnaker",), ("toolchain.rollout", "spinnaker")),
    **dict.fromkeys(("docker registry", "ecr", "amazon ecr", "aws ecr", "oci registry",
    "harbor", "docker hub", "dockerhub", "ghcr", "github container registry", "gitlab container registry",
    "elastic container registry"), ("toolchain.registry",
    "docker_registry")),
    **dict.fromkeys(("nexus", "sonatype nexus"), ("toolchain.registry", "nexus")),
    **dict.fromkeys(("artifactory", "jfrog artifactory", "jfrog"), ("toolchain.registry", "artifactory")),
}  # fmt: skip

CLOUDS: dict[str, str] = {
    **dict.fromkeys(("aws", "amazon web services", "amazon", "eks", "ecs", "fargate", "ecr", "rds", "elasticache",
    "sqs"), "aws"),
    **dict.fromkeys(("gcp", "google cloud", "google cloud platform", "gke"), "gcp"),
    **dict.fromkeys(("azure", "microsoft azure", "aks"), "azure"),
    **dict.fromkeys(
        (
            "on-prem", "on prem", "on-premises", "on premises", "on-premise", "bare metal", "bare-metal",
            "own data center",
            "own datacenter", "own data centre", "own hardware", "own servers", "self-hosted cluster",
            "self-managed cluster",
            "own cluster", "in-house cluster", "k3s",
        ),
        "none",
    ),
}  # fmt: skip

STRATEGIES: dict[str, str] = {
    **dict.fromkeys(("canary", "canaries", "canary release", "canary deployment", "canary rollout", "canery"),
    "canary"),
    **dict.fromkeys(
        (
            "blue-green", "blue/green", "blue green", "bluegreen", "blue and green", "flip back instantly",
            "switch back instantly",
            "flip back immediately", "switch back immediately", "instantly flip back", "instantly switch back",
            "instant flip back",
            "flip traffic back instantly", "switch traffic back instantly", "green-blue", "green/blue", "blue_green",
            "two identical stacks", "flip back in an instant", "flip back at once",
        ),
        "blue_green",
    ),
    **dict.fromkeys(
        (
            "rolling", "rolling update", "rolling updates", "rolling deployment", "rolling deploy",
            "rolling release", "one at a time",
            "one by one", "one pod at a time", "one task at a time", "one instance at a time",
            "one replica at a time", "pod by pod",
            "instance by instance", "one container at a time", "one machine at a time",
        ),
        "rolling",
    ),
}  # fmt: skip
ONE_AT_A_TIME = frozenset(phrase for phrase in STRATEGIES if "one" in phrase.split() or " by " in phrase)

DEPENDENCIES: dict[str, str] = {
    **dict.fromkeys(("postgres", "postgresql", "postgress", "postgre", "pg", "rds postgres", "rds postgresql",
    "postgres rds"), "postgres"),
    **dict.fromkeys(("mysql", "my sql", "rds mysql", "mysql rds"), "mysql"),
    **dict.fromkeys(("redis", "elasticache redis", "redis cache", "redis elasticache", "redis cluster"), "redis"),
    **dict.fromkeys(
        ("sqs", "sqs queue", "sqs queues", "message queue", "job queue", "work queue", "task queue", "a queue",
        "the queue",
         "our queue", "one queue", "queue called", "queue named"),
        "queue",
    ),
    **dict.fromkeys(
        ("s3", "s3 bucket", "s3 buckets", "object store", "object storage", "a bucket", "the bucket", "our bucket",
        "one bucket",
         "bucket called", "bucket named"),
        "object_store",
    ),
}  # fmt: skip

ENVIRONMENTS: dict[str, tuple[str, str]] = {
    # phrase: (name, role)
    **dict.fromkeys(("production", "prod", "prd", "prods", "productions", "live environment", "prodution",
    "producton"), ("production", "production")),
    **dict.fromkeys(("staging", "stage", "stg", "staging environment"), ("staging", "staging")),
    **dict.fromkeys(("preprod", "pre-prod", "preproduction", "pre-production"), ("preprod", "staging")),
    **dict.fromkeys(("dev", "dev environment", "development environment"), ("dev", "development")),
    **dict.fromkeys(("qa", "qa environment"), ("qa", "staging")),
    **dict.fromkeys(("uat",), ("uat", "staging")),
    **dict.fromkeys(("test environment",), ("test", "staging")),
    **dict.fromkeys(("sandbox environment",), ("sandbox", "development")),
}  # fmt: skip

LANGUAGES: dict[str, str] = {
    "python": "python", "node": "node", "node.js": "node", "nodejs": "node", "golang": "go", "go": "go",
    "java": "java", "jdk": "java",
}  # fmt: skip
FRAMEWORKS: dict[str, tuple[str, str]] = {
    "fastapi": ("fastapi", "python"), "django": ("django", "python"), "flask": ("flask", "python"),
    "express": ("express", "node"),
    "express.js": ("express", "node"), "next.js": ("next", "node"), "nextjs": ("next", "node"), "nestjs": ("nest",
    "node"),
    "nest.js": ("nest", "node"), "spring boot": ("spring", "java"), "spring": ("spring", "java"),
    "springboot": ("spring", "java"),
}  # fmt: skip
PACKAGE_MANAGERS = frozenset("pip uv poetry npm pnpm yarn maven gradle".split())

AWS_REGIONS = frozenset(
    "us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 ca-west-1 mx-central-1 sa-east-1 eu-west-1 eu-west-2 "
    "eu-west-3 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 il-central-1 me-south-1 me-central-1 "
    "af-south-1 ap-east-1 ap-east-2 ap-south-1 ap-south-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 "
    "ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 us-gov-east-1 "
    "us-gov-west-1 cn-north-1 cn-northwest-1".split()
)
GCP_REGIONS = frozenset(
    "europe-west1 europe-west2 europe-west3 europe-west4 europe-west6 europe-west8 europe-west9 europe-west10 "
    "europe-west12 europe-north1 europe-central2 europe-southwest1 us-central1 us-east1 us-east4 us-east5 "
    "us-west1 us-west2 us-west3 us-west4 us-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 "
    "asia-northeast3 asia-south1 asia-south2 asia-southeast1 asia-southeast2 australia-southeast1 "
    "australia-southeast2 southamerica-east1 northamerica-northeast1 me-west1 africa-south1".split()
)
AZURE_REGIONS = frozenset(
    "westeurope northeurope eastus eastus2 westus westus2 westus3 centralus northcentralus southcentralus uksouth "
    "ukwest francecentral germanywestcentral switzerlandnorth norwayeast swedencentral polandcentral italynorth "
    "spaincentral eastasia southeastasia japaneast japanwest koreacentral australiaeast australiasoutheast "
    "brazilsouth canadacentral canadaeast centralindia southindia westindia uaenorth southafricanorth".split()
)
# The AWS regions by the place that AWS itself names them after. Places with more than one region are left out.
AWS_PLACES: dict[str, str] = {
    "ireland": "eu-west-1", "dublin": "eu-west-1", "london": "eu-west-2", "paris": "eu-west-3",
    "frankfurt": "eu-central-1",
    "zurich": "eu-central-2", "stockholm": "eu-north-1", "milan": "eu-south-1", "n. virginia": "us-east-1",
    "northern virginia": "us-east-1", "north virginia": "us-east-1", "virginia": "us-east-1", "ohio": "us-east-2",
    "northern california": "us-west-1", "n. california": "us-west-1", "oregon": "us-west-2",
    "tokyo": "ap-northeast-1",
    "seoul": "ap-northeast-2", "osaka": "ap-northeast-3", "singapore": "ap-southeast-1", "sydney": "ap-southeast-2",
    "jakarta": "ap-southeast-3", "melbourne": "ap-southeast-4", "mumbai": "ap-south-1", "hyderabad": "ap-south-2",
    "hong kong": "ap-east-1", "sao paulo": "sa-east-1", "s\u00e3o paulo": "sa-east-1", "cape town": "af-south-1",
    "bahrain": "me-south-1", "tel aviv": "il-central-1",
}  # fmt: skip

UNSUPPORTED: dict[str, tuple[str, str]] = {
    # phrase: (family, name) of what cannot be made; named, never replaced in silence
    **{
        phrase: ("runtime", name)
        for phrase, name in {
            "lambda": "AWS Lambda", "lambdas": "AWS Lambda", "cloud run": "Google Cloud Run",
            "app runner": "AWS App Runner",
            "apprunner": "AWS App Runner", "heroku": "Heroku", "docker swarm": "Docker Swarm",
            "swarm": "Docker Swarm",
            "elastic beanstalk": "AWS Elastic Beanstalk", "beanstalk": "AWS Elastic Beanstalk",
            "ec2": "plain EC2 instances",
            "fly.io": "Fly.io", "vercel": "Vercel", "netlify": "Netlify", "cloud functions": "Google Cloud Functions",
            "app engine": "Google App Engine", "container apps": "Azure Container Apps",
            "app service": "Azure App Service",
            "docker compose": "Docker Compose", "docker-compose": "Docker Compose", "mesos": "Mesos",
            "lightsail": "AWS Lightsail",
            "digitalocean": "DigitalOcean", "digital ocean": "DigitalOcean", "hetzner": "Hetzner Cloud",
            "vsphere": "vSphere",
        }.items()
    },
    **{
        phrase: ("iac", name)
        for phrase, name in {
            "ansible": "Ansible", "cdk": "AWS CDK", "aws cdk": "AWS CDK", "bicep": "Bicep", "opentofu": "OpenTofu",
            "chef": "Chef",
            "puppet": "Puppet", "crossplane": "Crossplane", "terragrunt": "Terragrunt",
            "serverless framework": "Serverless Framework",
            "arm templates": "ARM templates", "deployment manager": "Google Deployment Manager",
        }.items()
    },
    **{
        phrase: ("ci", name)
        for phrase, name in {
            "azure devops": "Azure DevOps", "azure pipelines": "Azure Pipelines",
            "bitbucket pipelines": "Bitbucket Pipelines",
            "travis": "Travis CI", "travis ci": "Travis CI", "buildkite": "Buildkite", "teamcity": "TeamCity",
            "drone": "Drone",
            "argo cd": "Argo CD", "argocd": "Argo CD", "flux": "Flux", "tekton": "Tekton",
            "codepipeline": "AWS CodePipeline",
            "codebuild": "AWS CodeBuild", "codedeploy": "AWS CodeDeploy", "cloud build": "Google Cloud Build",
            "flagger": "Flagger",
        }.items()
    },
    **{
        phrase: ("monitoring", name)
        for phrase, name in {
            "new relic": "New Relic", "newrelic": "New Relic", "splunk": "Splunk", "sentry": "Sentry",
            "dynatrace": "Dynatrace",
            "honeycomb": "Honeycomb", "opentelemetry": "OpenTelemetry", "jaeger": "Jaeger", "zabbix": "Zabbix",
            "nagios": "Nagios",
            "pagerduty": "PagerDuty", "opsgenie": "Opsgenie", "slack": "Slack", "loki": "Loki", "x-ray": "AWS X-Ray",
            "cloudwatch": "Amazon CloudWatch", "ms teams": "Microsoft Teams",
        }.items()
    },
    **{
        phrase: ("dependency", name)
        for phrase, name in {
            "mongodb": "MongoDB", "mongo": "MongoDB", "dynamodb": "DynamoDB", "dynamo": "DynamoDB", "kafka": "Kafka",
            "msk": "Amazon MSK",
            "rabbitmq": "RabbitMQ", "memcached": "Memcached", "cassandra": "Cassandra", "mariadb": "MariaDB",
            "aurora": "Amazon Aurora",
            "oracle": "Oracle Database", "sql server": "SQL Server", "mssql": "SQL Server",
            "elasticsearch": "Elasticsearch",
            "opensearch": "OpenSearch", "nats": "NATS", "sns": "Amazon SNS", "kinesis": "Amazon Kinesis",
            "cockroachdb": "CockroachDB",
            "efs": "Amazon EFS", "cloud sql": "Google Cloud SQL", "sqlite": "SQLite", "clickhouse": "ClickHouse",
            "neo4j": "Neo4j",
            "pubsub": "Google Pub/Sub", "pub/sub": "Google Pub/Sub", "cosmosdb": "Azure Cosmos DB",
            "activemq": "ActiveMQ",
        }.items()
    },
    **{
        phrase: ("strategy", name)
        for phrase, name in {
            "a/b test": "A/B tests", "a/b testing": "A/B tests", "ab test": "A/B tests",
            "shadow traffic": "shadow traffic",
            "traffic mirroring": "traffic mirroring", "mirrored traffic": "traffic mirroring",
            "shadow deployment": "shadow traffic",
            "feature flags": "feature flags", "feature flag": "feature flags", "recreate": "the recreate strategy",
            "big bang": "a big-bang release", "big-bang": "a big-bang release", "dark launch": "dark launches",
        }.items()
    },
    **{
        phrase: ("infrastructure", name)
        for phrase, name in {
            "vpn": "a VPN", "waf": "a web application firewall", "cdn": "a CDN", "cloudfront": "CloudFront",
            "cloudflare": "Cloudflare",
            "service mesh": "a service mesh", "istio": "Istio", "linkerd": "Linkerd",
            "bastion": "a bastion host", "vault": "HashiCorp Vault",
            "api gateway": "an API gateway",
            "consul": "Consul", "keycloak": "Keycloak", "okta": "Okta", "sso": "single sign-on",
            "windows containers": "Windows containers",
            "gpu": "GPUs", "gpus": "GPUs", "spot instances": "spot instances", "fargate spot": "Fargate Spot",
            "multi-az": "a Multi-AZ setting",
            "read replica": "read replicas", "read replicas": "read replicas", "lifecycle rule": "lifecycle rules",
            "lifecycle rules": "lifecycle rules", "graphql": "GraphQL", "websocket": "WebSockets",
            "websockets": "WebSockets",
        }.items()
        if name not in ("GraphQL",)
    },
}  # fmt: skip
